import type { Clock } from '../lib/clock.ts';

/** Tells who waits for a transaction that something of it was written, so that nobody has to ask the store again and again. */
export class Commits {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<AbortController>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something of each of these transactions is in the store. */
  tell(transactionIds: Iterable<string>): void {
    // Mostly nobody waits, and to look at each of thousands of transactions is a tenth of the loader's work.
    if (this.#waiting.size === 0) return;
    for (const id of transactionIds) for (const waiter of this.#waiting.get(id) ?? []) waiter.abort();
  }

  /** Resolves at the next `tell` of the transaction, after `ms`, or when the signal aborts, whichever is first. */
  async next(transactionId: string, ms: number, signal: AbortSignal): Promise<void> {
    const told = new AbortController();
    const waiters = this.#waiting.get(transactionId) ?? new Set();
    this.#waiting.set(transactionId, waiters.add(told));
    await this.#clock.sleep(ms, AbortSignal.any([told.signal, signal]));
    waiters.delete(told);
    if (waiters.size === 0) this.#waiting.delete(transactionId);
  }
}
