/**
 * `npm run fuzz -- --requests 100000 [--seed 7]`: odd requests, made from the server's own OpenAPI document, against a
 * running Azud; none may be answered with a 5xx, and every event must be accounted for afterwards. `--only 123` sends that
 * one request of a seed again.
 * `npm run fuzz -- --units [--runs 100000] [--seed 7] [--only scanner]`: the scanner, the splitters, the log's recovery,
 * cursors and filters, each against an oracle or a law.
 * Short forms of both run with the tests.
 */
import { parseArgs } from 'node:util';
import { runFuzz } from './run.ts';
import { runUnits } from './units.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    units: { type: 'boolean', default: false },
    runs: { type: 'string', default: '100000' },
    only: { type: 'string' },
  },
});

const say = (line: string) => void process.stderr.write(`${line}\n`);
const print = (line: string) => void process.stdout.write(`${line}\n`);
const seed = Number(values.seed);
say(`seed ${seed}`);

if (values.units) await units();
else await requests();

async function units(): Promise<void> {
  const { only } = values;
  for (const { name, runs, failure } of await runUnits({
    runs: Number(values.runs),
    seed,
    ...(only && { only }),
    say,
  })) {
    print(`${failure === null ? 'held ' : 'BROKE'}  ${name}  ${runs.toLocaleString('en')} runs`);
    if (failure !== null) print(failure);
    if (failure !== null) process.exitCode = 1;
  }
}

async function requests(): Promise<void> {
  const { only } = values;
  const plan = { requests: Number(values.requests), seed, ...(only && { only: Number(only) }), say };
  const { byStatus, findings } = await runFuzz(plan);
  for (const [status, count] of [...byStatus].sort(([a], [b]) => a - b))
    print(`${status}  ${count.toLocaleString('en')}`);
  for (const finding of findings) print(finding);
  print(`${findings.length} findings; again with --seed ${seed}, one of them with --only <its number>`);
  if (findings.length > 0) process.exitCode = 1;
}
