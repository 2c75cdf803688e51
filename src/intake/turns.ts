import { AzudError } from '../error/azud-error.ts';
import type { Clock } from '../lib/clock.ts';
import { INTAKE_LIMITS } from '../limits.ts';

/**
 * Checks that may last, one body after the other: after one that did, all others in the process have their turn for as long
 * before the next. Ten bodies that were made for it would hold up everything for ten seconds.
 */
export class Turns {
  readonly #clock: Clock;
  #pause: Promise<void> | null = null;
  #waiting = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws AzudError `overloaded` when too many wait already, and whatever `check` throws */
  async take<T>(check: () => T): Promise<T> {
    while (this.#pause) await this.#wait(this.#pause);
    const begun = this.#clock.monotonic();
    try {
      return check();
    } finally {
      const lastedMs = this.#clock.monotonic() - begun;
      if (lastedMs > INTAKE_LIMITS.checkLongMs) this.#rest(lastedMs);
    }
  }

  async #wait(pause: Promise<void>): Promise<void> {
    if (this.#waiting >= INTAKE_LIMITS.checksWaitingMax) {
      throw new AzudError('overloaded', 'other bodies whose checks last are waiting', { retryAfterSeconds: 2 });
    }
    this.#waiting += 1;
    await pause;
    this.#waiting -= 1;
  }

  #rest(ms: number): void {
    this.#pause = this.#clock.sleep(ms).then(() => {
      this.#pause = null;
    });
  }
}
