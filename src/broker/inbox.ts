import type { Clock } from '../lib/clock.ts';
import type { Delivery, ReceiveOptions } from './driver.ts';

/** Nothing has to be looked at in between: arrivals and failures wake the sleeper. */
const IDLE_MS = 60_000;

/**
 * What has arrived at a consumer and is not given out: for brokers that push, and those that are polled in the background.
 * What is nacked waits here for its delay, because such a broker counts each return as a failed delivery.
 */
export class Inbox {
  readonly #clock: Clock;
  readonly #waiting: Delivery[] = [];
  /** Nacked, with the time from which they may be given out again, ms of the monotonic clock. */
  #delayed: { readonly delivery: Delivery; readonly notBefore: number }[] = [];
  #bytes = 0;
  #failure: Error | null = null;
  /** There while somebody sleeps. */
  #arrival: AbortController | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Payload that waits, bytes; what is delayed is not counted. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Why nothing is given out any more, or null. */
  get failure(): Error | null {
    return this.#failure;
  }

  put(delivery: Delivery): void {
    this.#waiting.push(delivery);
    this.#bytes += delivery.message.payload.length;
    this.#wake();
  }

  /** Gives them out again, before all others, when the delay is over. */
  putBack(deliveries: readonly Delivery[], delayMs: number): void {
    const notBefore = this.#clock.monotonic() + delayMs;
    this.#delayed.push(...deliveries.map((delivery) => ({ delivery, notBefore })));
    this.#wake();
  }

  /** From now on `take` throws it; the first one counts. */
  fail(failure: Error): void {
    this.#failure ??= failure;
    this.#wake();
  }

  /** Waits for at least one delivery; none when the signal aborts. @throws what `fail` was told */
  async take({ messagesMax, bytesMax, signal }: ReceiveOptions): Promise<readonly Delivery[]> {
    while (!signal.aborted) {
      if (this.#failure) throw this.#failure;
      this.#release();
      const deliveries = this.#next(messagesMax, bytesMax);
      if (deliveries.length > 0) return deliveries;
      await this.#sleep(signal);
    }
    return [];
  }

  async #sleep(signal: AbortSignal): Promise<void> {
    const due = Math.min(...this.#delayed.map(({ notBefore }) => notBefore));
    const waitMs = due === Number.POSITIVE_INFINITY ? IDLE_MS : Math.max(0, due - this.#clock.monotonic());
    this.#arrival ??= new AbortController();
    await this.#clock.sleep(waitMs, AbortSignal.any([signal, this.#arrival.signal]));
  }

  #release(): void {
    const now = this.#clock.monotonic();
    const due = this.#delayed.flatMap(({ delivery, notBefore }) => (notBefore <= now ? [delivery] : []));
    if (due.length === 0) return;
    this.#delayed = this.#delayed.filter(({ notBefore }) => notBefore > now);
    this.#waiting.unshift(...due);
    for (const { message } of due) this.#bytes += message.payload.length;
  }

  /** As many as fit, at least one. */
  #next(messagesMax: number, bytesMax: number): Delivery[] {
    let [count, bytes] = [0, 0];
    for (const { message } of this.#waiting) {
      const { length } = message.payload;
      if (count === messagesMax || (count > 0 && bytes + length > bytesMax)) break;
      count += 1;
      bytes += length;
    }
    this.#bytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  #wake(): void {
    this.#arrival?.abort();
    this.#arrival = null;
  }
}
