import { type Consumer, type ConsumerMessages, DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import type { Link } from './connection.ts';
import { classified, notConnected } from './errors.ts';

export interface ReaderOptions {
  readonly link: Link;
  readonly stream: string;
  /** Sequence of the first message. */
  readonly from: number;
  readonly headersOnly: boolean;
}

/** The server removes a reader that nobody pulls for this long, ns. */
const INACTIVE_NS = 60 * 1_000_000_000;
/** Headers come in small pieces, so many at once; payloads are bounded by bytes, and one message must fit. */
const HEADERS_AHEAD = 4_096;
const PAYLOAD_BYTES_AHEAD = 8 * 1024 * 1024;

/**
 * Reads a stream in its order from one sequence on. The consumer is the client's ordered one: it lives in the server's
 * memory, makes itself anew after a gap, and needs no acks, for the store's own progress says where to begin again.
 */
export class Reader {
  readonly #where: string;
  readonly #consumer: Consumer;
  readonly #messages: ConsumerMessages;
  readonly #iterator: AsyncIterator<JsMsg>;
  /** Asked for and not yet given: it survives a `next` that the signal cut short. */
  #coming: Promise<IteratorResult<JsMsg>> | null = null;

  private constructor(where: string, consumer: Consumer, messages: ConsumerMessages) {
    this.#where = where;
    this.#consumer = consumer;
    this.#messages = messages;
    this.#iterator = messages[Symbol.asyncIterator]();
  }

  /** @throws AzudError `topic-missing`, `not-connected`, `access-denied` */
  static async open({ link, stream, from, headersOnly }: ReaderOptions): Promise<Reader> {
    const where = `stream ${stream}`;
    try {
      const consumer = await link.stream.consumers.get(stream, {
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: from,
        headers_only: headersOnly,
        inactive_threshold: INACTIVE_NS,
      });
      const ahead = headersOnly
        ? { max_messages: HEADERS_AHEAD }
        : { max_bytes: Math.max(PAYLOAD_BYTES_AHEAD, 2 * link.server.max_payload) };
      const messages = await consumer.consume({ ...ahead, abort_on_missing_resource: true });
      return new Reader(where, consumer, messages);
    } catch (error) {
      throw classified(error, where);
    }
  }

  /** Messages that `next` gives without waiting. */
  get waiting(): number {
    return this.#messages.getPending();
  }

  /** Null when the signal aborts. @throws AzudError `not-connected`, `topic-missing`: the reader is of no use any more */
  async next(signal: AbortSignal): Promise<JsMsg | null> {
    if (signal.aborted) return null;
    const coming = this.#coming ?? this.#iterator.next();
    this.#coming = coming;
    const aborted = Promise.withResolvers<null>();
    const abort = () => aborted.resolve(null);
    signal.addEventListener('abort', abort, { once: true });
    try {
      const result = await Promise.race([coming, aborted.promise]);
      if (result === null) return null;
      this.#coming = null;
      if (result.done) throw notConnected(this.#where);
      return result.value;
    } catch (error) {
      throw classified(error, this.#where);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async close(): Promise<void> {
    this.#coming?.catch(() => {});
    this.#messages.stop();
    // The server would remove it by itself a minute later.
    await this.#consumer.delete().catch(() => false);
  }
}
