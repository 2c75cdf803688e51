/**
 * `npm run load [-- --events 1000000 --connections 1000 --each 20]`: a million events and a thousand connections at once,
 * then the sums, exact to the last event. The short form runs with the tests.
 */
import { parseArgs } from 'node:util';
import { runLoad } from './run.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    connections: { type: 'string', default: '1000' },
    each: { type: 'string', default: '20' },
  },
});

await runLoad({
  events: Number(values.events),
  connections: Number(values.connections),
  eventsEach: Number(values.each),
  say: (text) => void process.stderr.write(`${text}\n`),
});
