import type { OwnedChance } from './chance.ts';
import { describe, type Plan, planOf } from './plan.ts';
import { type Outcome, run, type Sums } from './run.ts';
import { commandOf, shrink } from './shrink.ts';

/** Of the real event loop. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

export interface SeedsResult {
  readonly sums: Sums;
  /** What to print of each seed that failed. */
  readonly failures: readonly string[];
}

export interface SeedsOptions {
  readonly first: number;
  readonly count: number;
  readonly owned: OwnedChance;
  /** So many failures are enough. */
  readonly failuresMax?: number;
  readonly onSeed?: (done: number, failures: number) => void;
}

/** Runs one seed after the other. */
export async function runSeeds({ first, count, owned, failuresMax = 5, onSeed }: SeedsOptions): Promise<SeedsResult> {
  const failures: string[] = [];
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', onUnhandled);
  let sums: Sums = NOTHING;
  for (let seed = first; seed < first + count && failures.length < failuresMax; seed += 1) {
    const plan = planOf(seed);
    const outcome = await run(plan, owned);
    sums = add(sums, outcome.sums);
    if (outcome.faults.length > 0) failures.push(await report(plan, outcome, owned));
    // Rejections that nobody handled are told between two turns of the real event loop.
    await turn();
    for (const reason of unhandled.splice(0)) {
      failures.push(`seed ${seed}: nobody handled ${reason instanceof Error ? reason.stack : String(reason)}`);
    }
    onSeed?.(seed - first + 1, failures.length);
  }
  process.off('unhandledRejection', onUnhandled);
  return { sums, failures };
}

/** What went wrong, the smallest plan that does it, and how to run it again. */
export async function report(plan: Plan, outcome: Outcome, owned: OwnedChance): Promise<string> {
  const smallest = await shrink({ plan, outcome }, owned);
  const { troubles, requests } = smallest.plan;
  const { faults, met, trace } = smallest.outcome;
  return [
    `seed ${plan.seed}: ${outcome.faults[0]}`,
    `  smallest: at most ${requests} requests of each client, ${troubles.length} troubles; trace ${trace.toString(16)}`,
    ...troubles.map((trouble) => `    ${met.find((each) => each.startsWith(describe(trouble))) ?? describe(trouble)}`),
    ...faults.slice(0, 3).map((fault) => `    → ${fault}`),
    `  again: ${commandOf(smallest.plan, plan)}`,
  ].join('\n');
}

export const NOTHING: Sums = { boots: 0, calls: 0, cuts: 0, kills: 0, failures: 0, incidents: 0, acknowledged: 0 };

function add(a: Sums, b: Sums): Sums {
  const names = Object.keys(a) as (keyof Sums)[];
  return Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) as unknown as Sums;
}

/** The figures in words. */
export function sumsText(sums: Sums): string {
  const { boots, calls, cuts, kills, failures, acknowledged, incidents } = sums;
  const number = (value: number) => value.toLocaleString('en');
  return (
    `${number(acknowledged)} acknowledged batches, ${number(boots)} starts, ${number(calls)} calls to the disk: ` +
    `${number(cuts)} power cuts, ${number(kills)} kills, ${number(failures)} starts with a failing or full disk, ` +
    `${number(incidents)} flipped bits met`
  );
}
