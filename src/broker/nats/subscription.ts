import type { JsMsg } from '@nats-io/jetstream';
import type { Clock } from '../../lib/clock.ts';
import type { Delivery, ReceiveOptions, Subscription } from '../driver.ts';
import { notConnected } from '../errors.ts';
import { messageOf } from './envelope.ts';
import { foreign } from './errors.ts';
import type { Reader } from './reader.ts';

export interface SubscriptionOptions {
  /** A reader that begins at the sequence. */
  readonly open: (from: number) => Promise<Reader>;
  readonly reader: Reader;
  /** Of the positions that it gives. */
  readonly stream: string;
  readonly sumsSubject: string;
  readonly clock: Clock;
  readonly onClose: () => void;
}

/** The stream in its order. Nothing is acked to the server: where to begin again is what the store has written. */
export class NatsSubscription implements Subscription {
  readonly #options: SubscriptionOptions;
  #reader: Reader | null;
  /** Read, and more than the last call asked for. */
  #carried: JsMsg | null = null;
  #notBefore = 0;
  /** Sequence to begin at again. */
  #rewind: number | null = null;
  #closed = false;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#reader = options.reader;
  }

  async receive(options: ReceiveOptions): Promise<readonly Delivery[]> {
    const { clock } = this.#options;
    const { signal } = options;
    while (!signal.aborted) {
      if (this.#closed) throw notConnected('the subscription');
      const wait = this.#notBefore - clock.monotonic();
      if (wait > 0) {
        await clock.sleep(wait, signal);
        continue;
      }
      const deliveries = await this.#take(await this.#current(), options);
      if (deliveries.length > 0) return deliveries;
    }
    return [];
  }

  async ack(): Promise<void> {
    // The store's progress is the ack.
  }

  /** Order is kept: what came after the first nacked delivery comes again too. */
  async nack(deliveries: readonly Delivery[], delayMs: number): Promise<void> {
    for (const { position } of deliveries) {
      if (position) this.#rewind = Math.min(this.#rewind ?? position.offset, position.offset);
    }
    this.#notBefore = this.#options.clock.monotonic() + delayMs;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#options.onClose();
    await this.#reader?.close();
    this.#reader = null;
  }

  async #current(): Promise<Reader> {
    if (this.#rewind !== null) {
      const from = this.#rewind;
      await this.#reader?.close();
      this.#reader = await this.#options.open(from);
      this.#rewind = null;
      this.#carried = null;
    }
    if (!this.#reader) throw notConnected('the subscription');
    return this.#reader;
  }

  /** The first message that comes, and what has arrived with it. */
  async #take(reader: Reader, { messagesMax, bytesMax, signal }: ReceiveOptions): Promise<Delivery[]> {
    const deliveries: Delivery[] = [];
    let bytes = 0;
    while (deliveries.length < messagesMax && (deliveries.length === 0 || this.#carried || reader.waiting > 0)) {
      const message = this.#carried ?? (await reader.next(signal));
      if (message === null) break;
      this.#carried = null;
      const delivery = this.#deliveryOf(message);
      if (!delivery) continue;
      bytes += message.data.length;
      if (deliveries.length > 0 && bytes > bytesMax) {
        this.#carried = message;
        break;
      }
      deliveries.push(delivery);
    }
    return deliveries;
  }

  /** Null for the sums that a release leaves behind. */
  #deliveryOf(arrival: JsMsg): Delivery | null {
    if (arrival.subject === this.#options.sumsSubject) return null;
    const message = messageOf(arrival);
    if (!message) throw foreign(`stream ${this.#options.stream}`, arrival.seq);
    return { message, position: { stream: this.#options.stream, offset: arrival.seq } };
  }
}
