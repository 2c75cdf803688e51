import type { JsMsg } from '@nats-io/jetstream';
import type { Clock } from '../../lib/clock.ts';
import type { Delivery, ReceiveOptions, Subscription } from '../driver.ts';
import { notConnected } from '../errors.ts';
import { messageOf } from './envelope.ts';
import { foreign } from './errors.ts';
import { positionIn, type Reached } from './places.ts';
import type { Reader } from './reader.ts';
import { partitionAt } from './topology.ts';

/** A part of the stream that is read in its order: one partition, or all. */
export interface LanePlan {
  readonly partitions: readonly number[];
  /** Sequence to begin at. */
  readonly from: number;
}

export interface SubscriptionOptions {
  readonly lanes: readonly LanePlan[];
  readonly open: (lane: LanePlan) => Promise<Reader>;
  /** What the store has already. */
  readonly reached: Reached;
  /** Name of the stream in positions. */
  readonly name: string;
  readonly moved: AbortSignal | null;
  readonly clock: Clock;
  readonly onClose: () => void;
}

interface Lane {
  readonly plan: LanePlan;
  reader: Reader;
  /** Sequence to begin at again. */
  rewind: number | null;
}

/** One loader's share of the stream. Nothing is acked to the server: where to begin again is what the store has written. */
export class NatsSubscription implements Subscription {
  readonly moved?: AbortSignal;
  readonly #options: SubscriptionOptions;
  readonly #lanes: readonly Lane[];
  /** Read, and more than the last call asked for. */
  #carried: JsMsg | null = null;
  /** Lane to look at first, so that none waits for another. */
  #first = 0;
  #notBefore = 0;
  #closed = false;

  private constructor(options: SubscriptionOptions, lanes: readonly Lane[]) {
    this.#options = options;
    this.#lanes = lanes;
    if (options.moved) this.moved = options.moved;
  }

  /** @throws AzudError as `Reader.open` */
  static async open(options: SubscriptionOptions): Promise<NatsSubscription> {
    const lanes = await Promise.all(
      options.lanes.map(async (plan) => ({ plan, reader: await options.open(plan), rewind: null })),
    );
    return new NatsSubscription(options, lanes);
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
      await this.#rewind();
      const deliveries = await this.#take(options);
      if (deliveries.length > 0) return deliveries;
    }
    return [];
  }

  async ack(): Promise<void> {
    // The store's progress is the ack.
  }

  /** Order is kept: what came after the first nacked delivery of a lane comes again too. */
  async nack(deliveries: readonly Delivery[], delayMs: number): Promise<void> {
    for (const { position } of deliveries) {
      const lane = this.#lanes.find(({ plan }) =>
        plan.partitions.some((each) => positionIn(this.#options.name, each, 0).stream === position?.stream),
      );
      if (lane && position) lane.rewind = Math.min(lane.rewind ?? position.offset, position.offset);
    }
    this.#notBefore = this.#options.clock.monotonic() + delayMs;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#options.onClose();
    await Promise.all(this.#lanes.map(({ reader }) => reader.close()));
  }

  async #rewind(): Promise<void> {
    for (const lane of this.#lanes) {
      if (lane.rewind === null) continue;
      await lane.reader.close();
      lane.reader = await this.#options.open({ ...lane.plan, from: lane.rewind });
      lane.rewind = null;
      if (this.#carried && lane.plan.partitions.includes(partitionAt(this.#carried.subject))) this.#carried = null;
    }
  }

  /** The first message that comes, and what has arrived with it. */
  async #take({ messagesMax, bytesMax, signal }: ReceiveOptions): Promise<Delivery[]> {
    const deliveries: Delivery[] = [];
    let bytes = 0;
    while (deliveries.length < messagesMax) {
      const message = this.#carried ?? this.#arrival() ?? (deliveries.length === 0 ? await this.#next(signal) : null);
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

  /** From the lanes in turn, where one has something. */
  #arrival(): JsMsg | null {
    for (let n = 0; n < this.#lanes.length; n += 1) {
      const at = (this.#first + n) % this.#lanes.length;
      const message = this.#lanes[at]?.reader.take();
      if (!message) continue;
      this.#first = at + 1;
      return message;
    }
    return null;
  }

  async #next(signal: AbortSignal): Promise<JsMsg | null> {
    while (!signal.aborted) {
      const message = this.#arrival();
      if (message) return message;
      const one = new AbortController();
      const either = AbortSignal.any([signal, one.signal]);
      await Promise.race(this.#lanes.map(({ reader }) => reader.arrived(either)));
      one.abort();
    }
    return null;
  }

  /** Null for what the store has already: where one lane is all partitions, it begins with the one that is furthest behind. */
  #deliveryOf(arrival: JsMsg): Delivery | null {
    const { name, reached } = this.#options;
    const message = messageOf(arrival);
    const partition = partitionAt(arrival.subject);
    const before = reached[partition];
    if (!message || before === undefined) throw foreign(`stream ${name}`, arrival.seq);
    if (arrival.seq <= before) return null;
    return { message, position: positionIn(name, partition, arrival.seq) };
  }
}
