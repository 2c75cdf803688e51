import type { AsyncMessage, Channel } from 'rabbitmq-client';
import type { Clock } from '../../lib/clock.ts';
import type { Delivery, ReceiveOptions, Subscription } from '../driver.ts';
import { notConnected } from '../errors.ts';
import { messageOf } from './envelope.ts';
import { foreign } from './errors.ts';

export interface SubscriptionOptions {
  readonly channel: Channel;
  readonly queue: string;
  readonly prefetch: number;
  readonly clock: Clock;
  readonly onClose: () => void;
}

/**
 * One consumer. It holds at most `prefetch` messages that are not acked; the server gives them to another consumer
 * when this one closes or breaks.
 */
export class RabbitmqSubscription implements Subscription {
  readonly #options: SubscriptionOptions;
  /** Arrived and not given out. */
  readonly #waiting: Delivery[] = [];
  /** By delivery: what to ack. An acked one is gone from it, so that a second ack does nothing. */
  readonly #tags = new WeakMap<Delivery, number>();
  /** Nacked, with the time from which they may be given out again, ms. */
  #delayed: { readonly delivery: Delivery; readonly notBefore: number }[] = [];
  /** Given out and not acked, and waiting: what the server counts as ours. */
  #held = 0;
  #failure: Error | null = null;
  #arrival = new AbortController();

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    const gone = () => this.#fail(notConnected(`queue ${options.queue}`));
    options.channel.on('close', gone);
    options.channel.on('basic.cancel', gone);
  }

  /** @throws what the server answers: no such queue, no right to read */
  async begin(): Promise<void> {
    const { channel, queue, prefetch } = this.#options;
    await channel.basicQos({ prefetchCount: prefetch });
    await channel.basicConsume({ queue }, (message) => this.#take(message));
  }

  /** Messages that this consumer has and has not acked: the server counts them no more. */
  get held(): number {
    return this.#held;
  }

  async receive({ messagesMax, bytesMax, signal }: ReceiveOptions): Promise<readonly Delivery[]> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      if (this.#failure) throw this.#failure;
      this.#release();
      const deliveries = this.#next(messagesMax, bytesMax);
      if (deliveries.length > 0) return deliveries;
      const due = Math.min(...this.#delayed.map(({ notBefore }) => notBefore));
      const waitMs = due === Number.POSITIVE_INFINITY ? IDLE_MS : Math.max(0, due - clock.monotonic());
      await clock.sleep(waitMs, AbortSignal.any([signal, this.#arrival.signal]));
    }
    return [];
  }

  async ack(deliveries: readonly Delivery[]): Promise<void> {
    for (const delivery of deliveries) {
      const deliveryTag = this.#tags.get(delivery);
      if (deliveryTag === undefined) continue;
      if (this.#failure) throw this.#failure;
      this.#options.channel.basicAck({ deliveryTag });
      this.#tags.delete(delivery);
      this.#held -= 1;
    }
  }

  /** They stay here for the delay: a quorum queue knows none, and would count each return as a failed delivery. */
  async nack(deliveries: readonly Delivery[], delayMs: number): Promise<void> {
    const notBefore = this.#options.clock.monotonic() + delayMs;
    this.#delayed.push(...deliveries.map((delivery) => ({ delivery, notBefore })));
  }

  async close(): Promise<void> {
    this.#fail(notConnected(`the subscription of queue ${this.#options.queue}`));
    this.#options.onClose();
    if (this.#options.channel.active) await this.#options.channel.close();
  }

  #take(arrived: AsyncMessage): void {
    const message = messageOf(arrived);
    if (!message) {
      this.#fail(foreign(`queue ${this.#options.queue}`));
      return;
    }
    const delivery = { message, position: null };
    this.#tags.set(delivery, arrived.deliveryTag);
    this.#held += 1;
    this.#waiting.push(delivery);
    this.#wake();
  }

  /** What was nacked and is due goes first. */
  #release(): void {
    const now = this.#options.clock.monotonic();
    const due = this.#delayed.filter(({ notBefore }) => notBefore <= now);
    if (due.length === 0) return;
    this.#delayed = this.#delayed.filter(({ notBefore }) => notBefore > now);
    this.#waiting.unshift(...due.map(({ delivery }) => delivery));
  }

  #next(messagesMax: number, bytesMax: number): Delivery[] {
    let [count, bytes] = [0, 0];
    for (const { message } of this.#waiting) {
      bytes += message.payload.length;
      if (count === messagesMax || (count > 0 && bytes > bytesMax)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  #fail(failure: Error): void {
    this.#failure ??= failure;
    this.#wake();
  }

  #wake(): void {
    this.#arrival.abort();
    this.#arrival = new AbortController();
  }
}

/** Nothing has to be looked at in between: arrivals and failures wake the sleeper. */
const IDLE_MS = 60_000;
