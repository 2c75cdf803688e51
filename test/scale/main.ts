/**
 * `npm run scale [-- --events 1000000 --batch 100 --broker rabbitmq]`: a million events through each broker, which gives a
 * tenth of its messages again and two loaders into PostgreSQL, both servers killed in the middle; then the exact sums.
 * The short form runs with the tests.
 */
import { parseArgs } from 'node:util';
import { runScale, type ScaleSums } from './run.ts';
import { scaleTable } from './table.ts';
import { BROKERS, type ScaleBrokerName } from './worlds.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    batch: { type: 'string', default: '100' },
    broker: { type: 'string', multiple: true },
  },
});

const known = Object.keys(BROKERS) as ScaleBrokerName[];
const wanted = values.broker ?? known;
const unknown = wanted.find((name) => !known.some((each) => each === name));
if (unknown !== undefined) {
  process.stderr.write(`there is no broker ${unknown}; there are ${known.join(', ')}\n`);
  process.exit(2);
}

const runs = new Map<string, ScaleSums>();
for (const broker of known.filter((name) => wanted.includes(name))) {
  const say = (text: string) => void process.stderr.write(`${broker}: ${text}\n`);
  runs.set(broker, await runScale({ broker, events: Number(values.events), batch: Number(values.batch), say }));
}
process.stdout.write(`${scaleTable(runs)}\n`);
