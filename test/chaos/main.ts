/**
 * `npm run chaos -- --cycles 60 [--seed 7] [--world nats+postgres] [--only checkpoint]`: a real Azud under mixed load, a fault at a random
 * moment of each cycle, and every acknowledged event counted afterwards. The short form runs with the tests.
 */
import { parseArgs } from 'node:util';
import { type CycleReport, runChaos } from './run.ts';
import { chaosTable, isClean } from './table.ts';
import { WORLDS, type WorldName } from './worlds.ts';

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    world: { type: 'string', default: 'log+duckdb' },
    only: { type: 'string', default: '' },
  },
});

const say = (line: string) => void process.stderr.write(`${line}\n`);

function worldOf(name: string): WorldName {
  if (Object.hasOwn(WORLDS, name)) return name as WorldName;
  throw new Error(`--world is one of ${Object.keys(WORLDS).join(', ')}`);
}

const cycles = Number(values.cycles);
const seed = Number(values.seed);
const begun = performance.now();
say(`${cycles} cycles on ${values.world}, seed ${seed}`);

function progress(report: CycleReport): void {
  const { cycle, fault, acknowledged, lost, twice, faults, acceptsMs } = report;
  const left = Math.round((((performance.now() - begun) / cycle) * (cycles - cycle)) / 1_000);
  const counts = `${acknowledged} acknowledged, ${lost} lost, ${twice} twice`;
  say(`${cycle}/${cycles} ${fault}: ${counts}, accepts after ${Math.round(acceptsMs)} ms · ${left} s left`);
  for (const words of faults) say(`    ${words}`);
}

const reports = await runChaos({
  world: worldOf(values.world),
  cycles,
  seed,
  faults: [values.only],
  onCycle: progress,
});
process.stdout.write(`${chaosTable(reports)}\n`);
if (!reports.every(isClean)) process.exitCode = 1;
