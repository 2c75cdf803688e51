/**
 * `npm run chaos -- --cycles 60 [--seed 7] [--world nats+postgres] [--only checkpoint]`: a real Azud under mixed load, a
 * fault at a random moment of each cycle, and every acknowledged event counted afterwards.
 * `npm run chaos -- --outage 60`: analytics stopped, killed and rebuilding, each for so many seconds under load.
 * `npm run chaos -- --overload 30`: ten times what intake can take, for so many seconds.
 * Short forms of all three run with the tests.
 */
import { parseArgs } from 'node:util';
import { runOutages } from './outage.ts';
import { runOverload } from './overload.ts';
import { type CycleReport, runChaos } from './run.ts';
import { chaosTable, isClean } from './table.ts';
import { WORLDS, type WorldName } from './worlds.ts';

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    world: { type: 'string', default: 'log+duckdb' },
    only: { type: 'string', default: '' },
    outage: { type: 'string' },
    overload: { type: 'string' },
  },
});

const say = (line: string) => void process.stderr.write(`${line}\n`);
const print = (line: string) => void process.stdout.write(`${line}\n`);

if (values.outage !== undefined) await outages(Number(values.outage));
else if (values.overload !== undefined) await overload(Number(values.overload));
else await cycles(Number(values.cycles), Number(values.seed));

async function cycles(count: number, seed: number): Promise<void> {
  const { world, only } = values;
  const begun = performance.now();
  say(`${count} cycles on ${world}, seed ${seed}`);
  const onCycle = (report: CycleReport) => {
    const { cycle, fault, acknowledged, lost, twice, faults, acceptsMs } = report;
    const left = Math.round((((performance.now() - begun) / cycle) * (count - cycle)) / 1_000);
    const sums = `${acknowledged} acknowledged, ${lost} lost, ${twice} twice`;
    say(`${cycle}/${count} ${fault}: ${sums}, accepts after ${Math.round(acceptsMs)} ms · ${left} s left`);
    for (const words of faults) say(`    ${words}`);
  };
  const reports = await runChaos({ world: worldOf(world), cycles: count, seed, faults: [only], onCycle });
  print(chaosTable(reports));
  if (!reports.every(isClean)) process.exitCode = 1;
}

function worldOf(name: string): WorldName {
  if (Object.hasOwn(WORLDS, name)) return name as WorldName;
  throw new Error(`--world is one of ${Object.keys(WORLDS).join(', ')}`);
}

async function outages(seconds: number): Promise<void> {
  for (const { way, answered, growthBytes, drainedAfter } of await runOutages({ seconds, warmUp: 20_000, say })) {
    const growth = `memory grew by ${megabytes(growthBytes)}`;
    print(`${way}: ${answered} answered, all 2xx; ${growth}; no backlog ${drainedAfter.toFixed(1)} s after`);
  }
}

async function overload(seconds: number): Promise<void> {
  const { offered, taken, refused, growthBytes, normalAfter } = await runOverload({ seconds, say });
  print(`${offered} offered, ${taken} taken and stored, ${refused} refused with Retry-After`);
  print(`memory grew by ${megabytes(growthBytes)}; normal ${normalAfter.toFixed(2)} s after`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
