import { randomUUID } from 'node:crypto';
import { AzudError } from '../../error/azud-error.ts';
import type { Message } from '../../event/batch.ts';
import type { Clock } from '../../lib/clock.ts';
import type {
  Backlog,
  BrokerCapabilities,
  BrokerDriver,
  Delivery,
  Located,
  Progress,
  PublishResult,
  ReceiveOptions,
  Subscription,
} from '../driver.ts';
import { MEMORY_CAPABILITIES } from './capabilities.ts';
import { closed, positionUnknown, streamUnknown, tooLarge } from './errors.ts';

export interface MemoryOptions {
  readonly clock: Clock;
  /** What outlives the driver in a test of closing and opening again. */
  readonly memory?: Memory;
  readonly messageBytesMax?: number;
}

/** The messages of one memory broker; offset n is `messages[n - 1]`, undefined once released. */
export class Memory {
  readonly stream = randomUUID();
  readonly messages: (Message | undefined)[] = [];
  readonly accepted = new Map<string, number>();
}

/** Everything in this process: the same promises as the log but that of surviving it. Other rooms test against it. */
export class MemoryDriver implements BrokerDriver {
  readonly capabilities: BrokerCapabilities;
  readonly #memory: Memory;
  readonly #clock: Clock;
  readonly #arrivals = new EventTarget();
  #open = false;

  constructor({ clock, memory = new Memory(), messageBytesMax = MEMORY_CAPABILITIES.messageBytesMax }: MemoryOptions) {
    this.#clock = clock;
    this.#memory = memory;
    this.capabilities = { ...MEMORY_CAPABILITIES, messageBytesMax };
  }

  async open(): Promise<void> {
    this.#open = true;
  }

  async publish(messages: readonly Message[]): Promise<readonly PublishResult[]> {
    this.#assertOpen();
    const results = messages.map((message) => this.#append(message));
    this.#arrivals.dispatchEvent(new Event('arrival'));
    return results;
  }

  async subscribe(from: Progress): Promise<Subscription> {
    this.#assertOpen();
    return new MemorySubscription(this, this.#offsetOf(from), this.#clock);
  }

  async backlog(after: Progress): Promise<Backlog> {
    this.#assertOpen();
    const waiting = this.#held(this.#offsetOf(after));
    const queued = new Map<string, number>();
    for (const { message } of waiting) queued.set(message.dataset, (queued.get(message.dataset) ?? 0) + message.events);
    return {
      messages: waiting.length,
      bytes: waiting.reduce((sum, { message }) => sum + message.payload.length, 0),
      oldestTime: waiting[0]?.message.time ?? null,
      queued,
      accepted: new Map(this.#memory.accepted),
      end: this.#progress(this.end),
    };
  }

  async find(transactionId: string): Promise<readonly Located[]> {
    this.#assertOpen();
    return this.#held(0).filter(({ message }) => message.transactionId === transactionId);
  }

  async release(upTo: Progress): Promise<void> {
    this.#assertOpen();
    this.#memory.messages.fill(undefined, 0, this.#offsetOf(upTo));
  }

  async close(): Promise<void> {
    this.#open = false;
    this.#arrivals.dispatchEvent(new Event('arrival'));
  }

  /** Last offset. */
  get end(): number {
    return this.#memory.messages.length;
  }

  at(offset: number): Delivery | undefined {
    const message = this.#memory.messages[offset - 1];
    return message && { message, position: { stream: this.#memory.stream, offset } };
  }

  /** Resolves at the next publish, at closing, or when the signal aborts. */
  arrival(signal: AbortSignal): Promise<void> {
    this.#assertOpen();
    return new Promise((resolve) => {
      const done = () => {
        this.#arrivals.removeEventListener('arrival', done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#arrivals.addEventListener('arrival', done);
      signal.addEventListener('abort', done);
    });
  }

  #append(message: Message): PublishResult {
    const bytesMax = this.capabilities.messageBytesMax;
    if (message.payload.length > bytesMax) return { error: tooLarge(message.payload.length, bytesMax) };
    const { messages, accepted, stream } = this.#memory;
    messages.push(message);
    accepted.set(message.dataset, (accepted.get(message.dataset) ?? 0) + message.events);
    return { position: { stream, offset: messages.length } };
  }

  /** Messages after an offset. */
  #held(after: number): (Delivery & Located)[] {
    return Array.from({ length: this.end - after }, (_, n) => this.at(after + n + 1)).filter(
      (held) => held !== undefined,
    );
  }

  #offsetOf(progress: Progress): number {
    const [position] = progress;
    if (!position) return 0;
    if (position.stream !== this.#memory.stream) throw streamUnknown(position.stream);
    if (position.offset > this.end) throw positionUnknown(position.offset, this.end);
    return position.offset;
  }

  #progress(offset: number): Progress {
    return offset === 0 ? [] : [{ stream: this.#memory.stream, offset }];
  }

  #assertOpen(): void {
    if (!this.#open) throw closed();
  }
}

class MemorySubscription implements Subscription {
  readonly #driver: MemoryDriver;
  readonly #clock: Clock;
  #next: number;
  #notBefore = 0;

  constructor(driver: MemoryDriver, after: number, clock: Clock) {
    this.#driver = driver;
    this.#next = after + 1;
    this.#clock = clock;
  }

  async receive(options: ReceiveOptions): Promise<readonly Delivery[]> {
    while (!options.signal.aborted) {
      const wait = this.#notBefore - this.#clock.monotonic();
      if (wait > 0) {
        await this.#clock.sleep(wait, options.signal);
        continue;
      }
      const deliveries = this.#take(options);
      if (deliveries.length > 0) return deliveries;
      await this.#driver.arrival(options.signal);
    }
    return [];
  }

  /** The store's progress says all there is to say; nobody asks this driver how far it is. */
  async ack(): Promise<void> {}

  /** Order is kept: what came after the first nacked delivery comes again too. */
  async nack(deliveries: readonly Delivery[], delayMs: number): Promise<void> {
    for (const { position } of deliveries) this.#next = Math.min(this.#next, position?.offset ?? this.#next);
    this.#notBefore = this.#clock.monotonic() + delayMs;
  }

  async close(): Promise<void> {
    this.#next = Number.POSITIVE_INFINITY;
  }

  #take({ messagesMax, bytesMax }: ReceiveOptions): Delivery[] {
    if (this.#next === Number.POSITIVE_INFINITY) throw new AzudError('not-connected', 'the subscription is closed');
    const deliveries: Delivery[] = [];
    let bytes = 0;
    for (; this.#next <= this.#driver.end && deliveries.length < messagesMax; this.#next += 1) {
      const delivery = this.#driver.at(this.#next);
      if (!delivery) continue;
      bytes += delivery.message.payload.length;
      if (deliveries.length > 0 && bytes > bytesMax) break;
      deliveries.push(delivery);
    }
    return deliveries;
  }
}
