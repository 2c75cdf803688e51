import type { AsyncMessage, Channel } from 'rabbitmq-client';
import type { Clock } from '../../lib/clock.ts';
import type { Delivery, ReceiveOptions, Subscription } from '../driver.ts';
import { notConnected } from '../errors.ts';
import { Inbox } from '../inbox.ts';
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
  readonly #inbox: Inbox;
  /** By delivery: what to ack. An acked one is gone from it, so that a second ack does nothing. */
  readonly #tags = new WeakMap<Delivery, number>();
  /** Given out and not acked, and waiting: what the server counts as ours. */
  #held = 0;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#inbox = new Inbox(options.clock);
    const gone = () => this.#inbox.fail(notConnected(`queue ${options.queue}`));
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

  receive(options: ReceiveOptions): Promise<readonly Delivery[]> {
    return this.#inbox.take(options);
  }

  async ack(deliveries: readonly Delivery[]): Promise<void> {
    for (const delivery of deliveries) {
      const deliveryTag = this.#tags.get(delivery);
      if (deliveryTag === undefined) continue;
      if (this.#inbox.failure) throw this.#inbox.failure;
      this.#options.channel.basicAck({ deliveryTag });
      this.#tags.delete(delivery);
      this.#held -= 1;
    }
  }

  /** They stay here for the delay: a quorum queue knows none, and would count each return as a failed delivery. */
  async nack(deliveries: readonly Delivery[], delayMs: number): Promise<void> {
    this.#inbox.putBack(deliveries, delayMs);
  }

  async close(): Promise<void> {
    this.#inbox.fail(notConnected(`the subscription of queue ${this.#options.queue}`));
    this.#options.onClose();
    if (this.#options.channel.active) await this.#options.channel.close();
  }

  #take(arrived: AsyncMessage): void {
    const message = messageOf(arrived);
    if (!message) {
      this.#inbox.fail(foreign(`queue ${this.#options.queue}`));
      return;
    }
    const delivery = { message, position: null };
    this.#tags.set(delivery, arrived.deliveryTag);
    this.#held += 1;
    this.#inbox.put(delivery);
  }
}
