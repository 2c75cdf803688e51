import { AckPolicy, type Consumer, type ConsumerMessages, DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import { isAzudError } from '../../error/azud-error.ts';
import { notConnected } from '../errors.ts';
import type { Link } from './connection.ts';
import { classified } from './errors.ts';

export interface ReaderOptions {
  readonly link: Link;
  readonly stream: string;
  /** Sequence of the first message. */
  readonly from: number;
  readonly headersOnly: boolean;
  /** Only of these subjects; of all without. */
  readonly filter?: string;
  /** Readers that share the memory of one. */
  readonly readers?: number;
}

/** The server removes a reader that nobody pulls for this long, ns: then `next` says so, and a new one takes its place. */
const INACTIVE_NS = 300 * 1_000_000_000;
/** A pull that finds nothing waits this long at the server, ms. */
const EXPIRES_MS = 10_000;
/** Headers are small, so many at once. */
const HEADERS_AHEAD = 1_024;
/** Payloads: a pull asks for as many as fit here by the size of the last ones, and at first for few. */
const PAYLOAD_BYTES_AHEAD = 8 * 1024 * 1024;
const PAYLOADS_FIRST = 8;
const PAYLOADS_AHEAD = 1_024;

/**
 * Reads a stream in its order from one sequence on, by a consumer that lives in the server's memory and needs no acks: the
 * store's own progress says where to begin again. It pulls only when all it had was taken, so its memory is bounded.
 */
export class Reader {
  readonly #where: string;
  readonly #headersOnly: boolean;
  readonly #bytesAhead: number;
  readonly #consumer: Consumer;
  #messages: ConsumerMessages | null = null;
  #queue: JsMsg[] = [];
  /** First of the queue that was not taken. */
  #at = 0;
  #delivered = 0;
  #pulling = false;
  #failure: unknown = null;
  #arrival = Promise.withResolvers<void>();

  private constructor(consumer: Consumer, { stream, headersOnly, readers = 1 }: ReaderOptions) {
    this.#where = `stream ${stream}`;
    this.#headersOnly = headersOnly;
    this.#bytesAhead = PAYLOAD_BYTES_AHEAD / readers;
    this.#consumer = consumer;
  }

  /** @throws AzudError `topic-missing`, `not-connected`, `access-denied` */
  static async open(options: ReaderOptions): Promise<Reader> {
    const { link, stream, from, headersOnly, filter } = options;
    try {
      const info = await link.manager.consumers.add(stream, {
        ack_policy: AckPolicy.None,
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: from,
        headers_only: headersOnly,
        ...(filter !== undefined && { filter_subject: filter }),
        inactive_threshold: INACTIVE_NS,
        mem_storage: true,
        num_replicas: 1,
      });
      return new Reader(link.stream.consumers.getConsumerFromInfo(info), options);
    } catch (error) {
      throw classified(error, `stream ${stream}`);
    }
  }

  /** Messages that `next` gives without waiting. */
  get waiting(): number {
    return this.#queue.length - this.#at;
  }

  /** Null when the signal aborts. @throws as `take` */
  async next(signal: AbortSignal): Promise<JsMsg | null> {
    while (!signal.aborted) {
      const message = this.take();
      if (message) return message;
      await this.arrived(signal);
    }
    return null;
  }

  /** The next message, where one has arrived. @throws AzudError `not-connected`: this reader is of no use any more, another may be */
  take(): JsMsg | null {
    if (this.waiting > 0) return this.#take();
    if (this.#failure !== null) throw this.#failed();
    if (!this.#pulling) void this.#pull();
    return null;
  }

  /** Resolves when `take` may have something to give, or to throw, and when the signal aborts. */
  async arrived(signal: AbortSignal): Promise<void> {
    const wake = () => this.#wake();
    signal.addEventListener('abort', wake, { once: true });
    await this.#arrival.promise;
    signal.removeEventListener('abort', wake);
  }

  async close(): Promise<void> {
    this.#failure ??= notConnected(this.#where);
    this.#messages?.stop();
    // The server would remove it by itself in a while.
    await this.#consumer.delete().catch(() => false);
  }

  #take(): JsMsg | null {
    const message = this.#queue[this.#at] ?? null;
    this.#at += 1;
    return message;
  }

  /** Never rejects: what fails is met by `next`. */
  async #pull(): Promise<void> {
    this.#pulling = true;
    const ahead = this.#ahead();
    this.#queue = [];
    this.#at = 0;
    try {
      const messages = await this.#consumer.fetch({ max_messages: ahead, expires: EXPIRES_MS, bind: true });
      this.#messages = messages;
      for await (const message of messages) this.#keep(message);
    } catch (error) {
      this.#failure ??= error;
    }
    this.#pulling = false;
    // A pull that ends because the connection did looks like one that found nothing.
    this.#wake();
  }

  #keep(message: JsMsg): void {
    this.#delivered += 1;
    if (message.info.deliverySequence !== this.#delivered) throw notConnected(`${this.#where}: a message went by`);
    this.#queue.push(message);
    this.#wake();
  }

  #ahead(): number {
    if (this.#headersOnly) return HEADERS_AHEAD;
    if (this.#queue.length === 0) return PAYLOADS_FIRST;
    const largest = this.#queue.reduce((most, { data }) => Math.max(most, data.length), 1);
    return Math.max(PAYLOADS_FIRST, Math.min(PAYLOADS_AHEAD, Math.floor(this.#bytesAhead / largest)));
  }

  #failed(): Error {
    const known = classified(this.#failure, this.#where);
    return isAzudError(known, 'access-denied') ? known : notConnected(this.#where, this.#failure);
  }

  #wake(): void {
    this.#arrival.resolve();
    this.#arrival = Promise.withResolvers<void>();
  }
}
