/**
 * `npm run simulate [-- --seeds 10000 --seed 1]`: the real log, loader, intake and dead letters on a simulated disk,
 * clock and scheduler, one seed after the other. `--seed S` alone runs one; `--faults` fails every call to the disk in
 * every way; `--flips` flips every bit of a segment; `--stop` ends at the first failure. The short form runs with the tests.
 */
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/lib/clock.ts';
import { Bar } from './bar.ts';
import { OwnedChance } from './chance.ts';
import { failEveryCall, tableText } from './every-call.ts';
import { flipBits, saidText } from './flips.ts';
import { describe, planOf } from './plan.ts';
import { run } from './run.ts';
import { report, runSeeds, sumsText } from './seeds.ts';
import { restrict } from './shrink.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    troubles: { type: 'string' },
    requests: { type: 'string' },
    faults: { type: 'boolean', default: false },
    flips: { type: 'boolean', default: false },
    stop: { type: 'boolean', default: false },
  },
});

const SEEDS = 1_000;
const print = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  if (values.flips) return flips();
  const owned = new OwnedChance();
  if (values.faults) return faults(owned);
  if (values.seed !== undefined && values.seeds === undefined) return oneSeed(Number(values.seed), owned);
  const first = Number(values.seed ?? systemClock.now() % 1e9);
  const count = Number(values.seeds ?? SEEDS);
  print(`seeds ${first} to ${first + count - 1}`);
  const bar = new Bar('seeds', count);
  const { failures, sums } = await runSeeds({
    first,
    count,
    owned,
    failuresMax: values.stop ? 1 : 5,
    onSeed: (done, failed) => bar.update(done, failed > 0 ? `${failed} failed` : ''),
  });
  for (const failure of failures) print(failure);
  print(sumsText(sums));
  print(failures.length === 0 ? 'no promise broken' : `${failures.length} seeds failed`);
  return failures.length === 0 ? 0 : 1;
}

/** Runs a seed with what it met, and shrinks it when it fails. */
async function oneSeed(seed: number, owned: OwnedChance): Promise<number> {
  const plan = restrict(planOf(seed), values);
  const outcome = await run(plan, owned);
  print(`seed ${seed}: trace ${outcome.trace.toString(16)}`);
  for (const trouble of plan.troubles) print(`  ${describe(trouble)}`);
  for (const met of outcome.met) print(`  met ${met}`);
  for (const fault of outcome.faults) print(`  → ${fault}`);
  print(sumsText(outcome.sums));
  const narrowed = values.troubles !== undefined || values.requests !== undefined;
  if (outcome.faults.length > 0 && !narrowed) print(await report(plan, outcome, owned));
  print(outcome.faults.length === 0 ? 'no promise broken' : 'a promise is broken');
  return outcome.faults.length === 0 ? 0 : 1;
}

async function faults(owned: OwnedChance): Promise<number> {
  let bar: Bar | null = null;
  const onCall = (done: number, total: number) => {
    bar ??= new Bar('failed calls', total);
    bar.update(done, '');
  };
  const table = await failEveryCall({ owned, onCall });
  print(tableText(table));
  return table.failures.length === 0 ? 0 : 1;
}

async function flips(): Promise<number> {
  let bar: Bar | null = null;
  const found = await flipBits({
    segmentBytes: 64 * 1024,
    onBit: (done, total) => {
      bar ??= new Bar('bits', total);
      bar.update(done, '');
    },
  });
  print(saidText(found));
  return found.missed.length === 0 ? 0 : 1;
}

process.exitCode = await main();
