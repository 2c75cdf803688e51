import { AzudError } from '../error/azud-error.ts';

/** A bound on work that runs at the same time, in all and for each who asks. Nobody waits: who finds no seat is told so. */
export class Seats {
  readonly #max: number;
  readonly #maxEach: number;
  readonly #taken = new Map<string, number>();
  #total = 0;

  constructor(max: number, maxEach: number) {
    this.#max = max;
    this.#maxEach = maxEach;
  }

  /** The work on a seat. @throws AzudError `rate-limited` when there is none; what the work throws */
  async hold<T>(who: string, work: () => Promise<T>): Promise<T> {
    const own = this.#taken.get(who) ?? 0;
    if (own >= this.#maxEach) throw noSeat(`${own} queries of ${who} run already`);
    if (this.#total >= this.#max) throw noSeat(`${this.#total} queries run already`);
    this.#taken.set(who, own + 1);
    this.#total += 1;
    try {
      return await work();
    } finally {
      this.#leave(who);
    }
  }

  #leave(who: string): void {
    this.#total -= 1;
    const left = (this.#taken.get(who) ?? 1) - 1;
    if (left === 0) this.#taken.delete(who);
    else this.#taken.set(who, left);
  }
}

function noSeat(what: string): AzudError {
  return new AzudError('rate-limited', what, { retryAfterSeconds: 1 });
}
