import type { AzudError } from '../../error/azud-error.ts';
import type { Message } from '../../event/batch.ts';
import { withRoom } from '../../lib/room.ts';
import { LOG_LIMITS } from '../../limits.ts';
import type { PublishResult } from '../driver.ts';
import { encodeRecord, recordBytes } from './record.ts';
import { type Course, positionAt } from './terms.ts';

/** One `publish` call that waits for its messages. */
export class Waiter {
  readonly results: PublishResult[];
  readonly #resolve: (results: readonly PublishResult[]) => void;
  #open = 1;

  constructor(length: number, resolve: (results: readonly PublishResult[]) => void) {
    this.results = new Array<PublishResult>(length);
    this.#resolve = resolve;
  }

  hold(): void {
    this.#open += 1;
  }

  /** The last one to let go resolves the call. */
  release(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#resolve(this.results);
  }
}

const BUFFER_BYTES_FIRST = 256 * 1024;

/** Records that are written and synced together. Messages are encoded as they come, into one buffer. */
export class Group {
  readonly first: number;
  readonly messages: Message[] = [];
  /** Bytes encoded. */
  bytes = 0;
  readonly #waiters: Waiter[] = [];
  readonly #indexes: number[] = [];
  #buffer: Buffer;

  constructor(first: number, buffer: Buffer | undefined) {
    this.first = first;
    this.#buffer = buffer ?? Buffer.allocUnsafeSlow(BUFFER_BYTES_FIRST);
  }

  /** The first message always fits. */
  fits(bytes: number): boolean {
    return this.bytes === 0 || this.bytes + bytes <= LOG_LIMITS.groupBytesMax;
  }

  add(message: Message, waiter: Waiter, index: number): void {
    const bytes = recordBytes(message);
    this.#buffer = withRoom(this.#buffer, this.bytes, bytes);
    const offset = this.first + this.messages.length;
    this.bytes = encodeRecord(message, this.#buffer, { at: this.bytes, offset, groupFirst: this.first });
    this.messages.push(message);
    this.#waiters.push(waiter);
    this.#indexes.push(index);
    waiter.hold();
  }

  get encoded(): Buffer {
    return this.#buffer.subarray(0, this.bytes);
  }

  /** The buffer, to be used again. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** Every record is durable. */
  succeed(course: Course): void {
    this.#waiters.forEach((waiter, n) => {
      waiter.results[this.#indexes[n] as number] = { position: positionAt(course, this.first + n) };
      waiter.release();
    });
  }

  fail(error: AzudError): void {
    this.#waiters.forEach((waiter, n) => {
      waiter.results[this.#indexes[n] as number] = { error };
      waiter.release();
    });
  }
}
