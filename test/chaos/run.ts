import { eventually } from '../support/eventually.ts';
import { pause } from '../support/moments.ts';
import { seeded } from '../support/simulated-disk.ts';
import { audit, type Before, type Findings, restartsIn } from './audit.ts';
import { type Fault, TERMINATE } from './faults.ts';
import { Traffic } from './traffic.ts';
import { WORLDS, type World, type WorldName } from './worlds.ts';

export interface ChaosPlan {
  readonly world: WorldName;
  readonly cycles: number;
  readonly seed: number;
  /** Only faults whose name holds one of these; all without. */
  readonly faults?: readonly string[];
  readonly senders?: number;
  readonly onCycle?: (cycle: CycleReport) => void;
}

export interface CycleReport extends Findings {
  readonly cycle: number;
  readonly fault: string;
  /** Processes that died and were started again. */
  readonly restarts: number;
  /** From the end of the fault to the 2xx of a request sent after it, ms. */
  readonly acceptsMs: number;
  /** From the end of the fault until reads are served again, ms. */
  readonly readyMs: number;
}

/** The supervisor waits longer before each further restart within a minute; beyond so many the next fault is a new start. */
const DEATHS_MAX = 4;
const SENDERS = 8;
/** A start that hangs is found out; how long it took stands in the table. */
const ACCEPTS_WITHIN_MS = 60_000;
const READY_WITHIN_MS = 180_000;
/** Answered before the fault comes, so that there is something to lose. */
const ANSWERED_BEFORE = 30;
const BEFORE_MS_MAX = 500;
const AFTER_MS_MAX = 300;

/** Runs the cycles and answers their reports. A cycle with findings is reported like any other; the caller judges. */
export async function runChaos(plan: ChaosPlan): Promise<readonly CycleReport[]> {
  const world = await WORLDS[plan.world]();
  const random = seeded(plan.seed);
  const reports: CycleReport[] = [];
  const wanted = plan.faults ?? [''];
  const dealt = world.faults.filter(({ name }) => wanted.some((part) => name.includes(part)));
  const deck = new Deck(dealt, random);
  let before: Before = { stored: 0, dead: 0 };
  let deaths = 0;
  try {
    for (let cycle = 1; cycle <= plan.cycles; cycle += 1) {
      const drawn = deaths >= DEATHS_MAX ? TERMINATE : deck.draw();
      deaths = drawn.fresh ? 0 : deaths + (drawn.deaths ?? 0);
      const report = await runCycle({ world, plan, random, before }, drawn, cycle);
      before = report.after;
      reports.push(report);
      plan.onCycle?.(report);
    }
  } finally {
    await world.close();
  }
  return reports;
}

/** Deals every fault once before it deals any again, in a random order. */
class Deck {
  readonly #faults: readonly Fault[];
  readonly #random: () => number;
  #left: Fault[] = [];

  constructor(faults: readonly Fault[], random: () => number) {
    this.#faults = faults;
    this.#random = random;
  }

  draw(): Fault {
    if (this.#left.length === 0) this.#left = [...this.#faults];
    const [drawn] = this.#left.splice(Math.floor(this.#random() * this.#left.length), 1);
    if (!drawn) throw new Error('no fault has that name');
    return drawn;
  }
}

interface Scene {
  readonly world: World;
  readonly plan: ChaosPlan;
  readonly random: () => number;
  readonly before: Before;
}

async function runCycle({ world, plan, random, before }: Scene, fault: Fault, cycle: number): Promise<CycleReport> {
  const { system } = world;
  const { seed, senders = SENDERS } = plan;
  const traffic = new Traffic({ url: system.url, turn: cycle, seed, senders });
  const restartsBefore = restartsIn(system.logs);
  traffic.start();
  try {
    await eventually(() => {
      if (traffic.answered < ANSWERED_BEFORE) throw new Error(`only ${traffic.answered} requests were answered`);
    });
    await pause(random() * BEFORE_MS_MAX);
    if (fault.steady) traffic.expectSteady();
    await fault.strike({ system, random, complain: (words) => traffic.witness.complain(words) });
    const struckAt = performance.now();
    const acceptsAt = await within(
      traffic.firstTaken(struckAt),
      ACCEPTS_WITHIN_MS,
      `accepts nothing after ${fault.name}`,
    );
    await eventually(
      async () => {
        const answer = await system.get('/readyz');
        if (answer.status !== 200) throw new Error(`not ready after ${fault.name}: ${await answer.text()}`);
      },
      { timeoutMs: READY_WITHIN_MS },
    );
    const readyAt = performance.now();
    await pause(random() * AFTER_MS_MAX);
    await traffic.stop();
    const findings = await audit(system, traffic.witness, { turn: cycle, before });
    return {
      ...findings,
      cycle,
      fault: fault.name,
      restarts: restartsIn(system.logs) - restartsBefore,
      acceptsMs: acceptsAt - struckAt,
      readyMs: readyAt - struckAt,
    };
  } catch (error) {
    await traffic.abandon();
    const words = `cycle ${cycle}, ${fault.name}, seed ${seed}: ${error instanceof Error ? error.message : error}`;
    throw new Error(`${words}\n${system.logs.slice(-4_000)}`, { cause: error });
  }
}

async function within<T>(promise: Promise<T>, ms: number, words: string): Promise<T> {
  const done = new AbortController();
  const late = pause(ms, done.signal).then(() => {
    throw new Error(`${words} within ${ms} ms`);
  });
  late.catch(() => {});
  return Promise.race([promise, late]).finally(() => done.abort());
}
