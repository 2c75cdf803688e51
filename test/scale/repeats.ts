import { PassThrough, Transform } from 'node:stream';
import type { Meddling } from '../support/tcp-proxy.ts';

/** The headers of one message. */
const HEADERS = /NATS\/1\.0\r\n([\s\S]*?)\r\n\r\n/g;
const ID = /^Nats-Msg-Id: (\S+)$/m;
/** Set where only headers were asked for: sums read those, and they are no deliveries. */
const SIZE = /^Nats-Msg-Size:/m;
/** Longer than any headers of ours. */
const CARRY = 2_048;

/**
 * Stands between loaders and NATS and breaks their connections again and again: nobody acks there, so what was read and
 * not yet stored is given once more. Counts which messages came again.
 */
export class NatsRepeats {
  /** Deliveries of a message that was delivered before. */
  again = 0;
  readonly #ids = new Set<string>();
  readonly #every: number;
  readonly #cut: () => void;
  #cutAt = 0;

  /** @param every messages between two cuts */
  constructor(every: number, cut: () => void) {
    this.#every = every;
    this.#cut = cut;
  }

  meddle(): Meddling {
    let text = '';
    const toClient = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        text = this.#count(text + chunk.toString('latin1'));
        done(null, chunk);
        this.#cutWhenDue();
      },
    });
    return { toServer: new PassThrough(), toClient };
  }

  /** Answers what may be the beginning of more. */
  #count(text: string): string {
    let end = 0;
    for (const match of text.matchAll(HEADERS)) {
      end = match.index + match[0].length;
      const [, headers = ''] = match;
      const id = ID.exec(headers)?.[1];
      if (id === undefined || SIZE.test(headers)) continue;
      if (this.#ids.has(id)) this.again += 1;
      this.#ids.add(id);
    }
    return text.slice(Math.max(end, text.length - CARRY));
  }

  #cutWhenDue(): void {
    if (this.#ids.size - this.#cutAt < this.#every) return;
    this.#cutAt = this.#ids.size;
    this.#cut();
  }
}
