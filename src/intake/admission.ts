import { AzudError } from '../error/azud-error.ts';
import type { INTAKE_LIMITS } from '../limits.ts';
import type { Headers } from './media.ts';

/** Those of INTAKE_LIMITS. */
type Limits = Readonly<Record<Extract<keyof typeof INTAKE_LIMITS, BoundName>, number>>;
type BoundName = 'takingBytesMax' | 'takingRequestsMax' | 'inflatedBytesMax';

/** The smallest gzip body: a header of 10 bytes, an empty block, checksum and size. */
const GZIP_BYTES_MIN = 18;
/** Text deflates to about a quarter. */
const DEFLATE_RATIO = 4;

/**
 * Bounds what is taken in at the same time. What comes above the bound is refused while it costs little, so that a load of
 * many times what the machine can do leaves it as fast as before, and not with a queue that nobody waits for any more.
 */
export class Admission {
  readonly #limits: Limits;
  #bytes = 0;
  #requests = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** @returns the bytes to give back to `leave`. @throws AzudError `overloaded` */
  enter(body: Buffer, encoding: Headers[string]): number {
    const { takingBytesMax, takingRequestsMax } = this.#limits;
    const bytes = encoding === undefined ? body.length : this.#inflatedBytes(body, encoding);
    // A lone request always passes: the bound is for what is taken in together.
    const full = this.#requests > 0 && this.#bytes + bytes > takingBytesMax;
    if (full || this.#requests >= takingRequestsMax) {
      throw new AzudError('overloaded', `${this.#requests} requests with ${this.#bytes} bytes are being taken in`, {
        retryAfterSeconds: 1,
      });
    }
    this.#bytes += bytes;
    this.#requests += 1;
    return bytes;
  }

  leave(bytes: number): void {
    this.#bytes -= bytes;
    this.#requests -= 1;
  }

  /** What the body says of itself. One that lies is found out when it is inflated. */
  #inflatedBytes(body: Buffer, encoding: Headers[string]): number {
    const isGzip = typeof encoding === 'string' && encoding.trim().toLowerCase() === 'gzip';
    const told = isGzip && body.length >= GZIP_BYTES_MIN ? body.readUInt32LE(body.length - 4) : 0;
    return body.length + Math.min(this.#limits.inflatedBytesMax, Math.max(told, body.length * DEFLATE_RATIO));
  }
}
