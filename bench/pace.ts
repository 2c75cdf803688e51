import { systemClock } from '../src/lib/clock.ts';

/** Starts a call at fixed times whether or not the ones before have ended (open model): a slow server cannot slow the load. */
export class Pace {
  readonly #perSecond: number;
  readonly #call: () => Promise<number>;
  readonly latenciesMs: number[] = [];

  /** `call` answers a status. */
  constructor(perSecond: number, call: () => Promise<number>) {
    this.#perSecond = perSecond;
    this.#call = call;
  }

  /** @throws Error when a call is not answered 2xx */
  async run(durationMs: number): Promise<void> {
    const started = performance.now();
    const total = Math.floor((durationMs / 1_000) * this.#perSecond);
    const calls: Promise<void>[] = [];
    for (let n = 0; n < total; n += 1) {
      const due = started + (n / this.#perSecond) * 1_000;
      await systemClock.sleep(Math.max(0, due - performance.now()));
      calls.push(this.#measured(due));
    }
    await Promise.all(calls);
  }

  /** Latency counts from the intended start, so that waiting in our own queue is not left out. */
  async #measured(due: number): Promise<void> {
    const status = await this.#call();
    if (status < 200 || status >= 300) throw new Error(`the load was answered ${status}`);
    this.latenciesMs.push(performance.now() - due);
  }
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
