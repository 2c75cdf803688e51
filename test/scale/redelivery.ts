import { Transform } from 'node:stream';
import type { Meddling } from '../support/tcp-proxy.ts';

/** A frame: type, channel, length of the payload, payload, end. */
const FRAME_HEAD = 7;
const FRAME_END = 1;
/** `AMQP` and the version, before the first frame of a client. */
const GREETING = 8;
const METHOD = 1;
const BASIC = 60;
const DELIVER = 60;
const ACK = 80;
const REJECT = 90;

/**
 * Stands between loaders and RabbitMQ and turns every `every`th ack into a reject: the server believes that the message
 * was not stored, although it was, and gives it to some loader again at once.
 */
export class AmqpRedelivery {
  /** Deliveries that the server marked as given before. */
  redelivered = 0;
  readonly #every: number;
  readonly #held = new Set<Set<string>>();
  #acks = 0;

  constructor(every: number) {
    this.#every = every;
  }

  /** Messages that loaders have and have not answered. */
  get held(): number {
    return [...this.#held].reduce((sum, tags) => sum + tags.size, 0);
  }

  /** For a new connection. */
  meddle(): Meddling {
    const tags = new Set<string>();
    this.#held.add(tags);
    const toServer = frames(GREETING, (channel, payload) => this.#answer(tags, channel, payload));
    const toClient = frames(0, (channel, payload) => this.#delivery(tags, channel, payload));
    toClient.once('close', () => this.#held.delete(tags));
    return { toServer, toClient };
  }

  /** Both methods have the tag and one bit: of an ack `multiple`, which Azud never sets, of a reject `requeue`. */
  #answer(tags: Set<string>, channel: number, payload: Buffer): void {
    if (!isMethod(payload, ACK)) return;
    tags.delete(tagOf(channel, payload, 4));
    this.#acks += 1;
    if (this.#acks % this.#every !== 0) return;
    payload.writeUInt16BE(REJECT, 2);
    payload[12] = 1;
  }

  /** Consumer tag with its length before it, delivery tag, `redelivered`. */
  #delivery(tags: Set<string>, channel: number, payload: Buffer): void {
    if (!isMethod(payload, DELIVER)) return;
    const at = 4 + 1 + (payload[4] ?? 0);
    tags.add(tagOf(channel, payload, at));
    if ((payload[at + 8] ?? 0) & 1) this.redelivered += 1;
  }
}

function tagOf(channel: number, payload: Buffer, at: number): string {
  return `${channel}/${payload.readBigUInt64BE(at)}`;
}

function isMethod(payload: Buffer, method: number): boolean {
  return payload.length >= 4 && payload.readUInt16BE(0) === BASIC && payload.readUInt16BE(2) === method;
}

/** Shows each method's payload, which may be changed in place, and passes all bytes on. */
function frames(greeting: number, onMethod: (channel: number, payload: Buffer) => void): Transform {
  let pending: Buffer = Buffer.alloc(0);
  let skip = greeting;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      let at = 0;
      if (skip > 0 && pending.length >= skip) {
        at = skip;
        skip = 0;
      }
      while (skip === 0 && pending.length - at >= FRAME_HEAD) {
        const length = pending.readUInt32BE(at + 3);
        const end = at + FRAME_HEAD + length + FRAME_END;
        if (pending.length < end) break;
        if (pending[at] === METHOD) {
          onMethod(pending.readUInt16BE(at + 1), pending.subarray(at + FRAME_HEAD, end - FRAME_END));
        }
        at = end;
      }
      const whole = pending.subarray(0, at);
      pending = pending.subarray(at);
      done(null, whole);
    },
  });
}
