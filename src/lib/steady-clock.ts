import type { Clock } from './clock.ts';

export interface SteadyClockOptions {
  /** A step back up to this is waited out, ms; a larger one is the end of a time that was wrong. */
  readonly heldMsMax: number;
  /** A step from here on is told of, ms. */
  readonly jumpMsMin: number;
  /** Told of a step of the wall clock, ms: positive is ahead. */
  readonly onJump: (ms: number) => void;
}

/**
 * Wall time that does not go back when the machine's clock is set right: it stands still until that has caught up. What is ordered
 * by it stays in the order in which it came.
 */
export class SteadyClock implements Clock {
  readonly #clock: Clock;
  readonly #options: SteadyClockOptions;
  #wall: number;
  #monotonic: number;
  #last: number;

  constructor(clock: Clock, options: SteadyClockOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#wall = clock.now();
    this.#monotonic = clock.monotonic();
    this.#last = this.#wall;
  }

  now(): number {
    const { heldMsMax, jumpMsMin, onJump } = this.#options;
    const wall = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    const step = wall - this.#wall - (monotonic - this.#monotonic);
    this.#wall = wall;
    this.#monotonic = monotonic;
    if (Math.abs(step) >= jumpMsMin) onJump(Math.round(step));
    const held = wall < this.#last && this.#last - wall <= heldMsMax;
    if (!held) this.#last = wall;
    return this.#last;
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal);
  }
}
