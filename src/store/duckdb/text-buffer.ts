import {
  LAST_GROUP_AT,
  raiseUuidText,
  UUID_BYTES,
  UUID_LENGTH,
  type UuidBytes,
  writeUuidText,
} from '../../event/ids.ts';
import type { Span } from '../../event/span.ts';
import { withRoom } from '../../lib/room.ts';

/** First size; doubled as needed. */
const FIRST_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** Lines of UTF-8, written one after the other into memory that is kept. */
export class TextBuffer {
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;
  /** What `addValue` added last, and from where to where it stands. */
  #value: string | number | null = null;
  #valueAt = 0;
  #valueEnd = 0;

  clear(): void {
    this.#length = 0;
    this.#value = null;
  }

  /** Whole lines, each ended by `\n`. */
  addLines({ bytes, from, to }: Span): void {
    this.#reserve(to - from);
    this.#length += bytes.copy(this.#bytes, this.#length, from, to);
  }

  addLine(line: string | Buffer): void {
    if (typeof line === 'string') {
      // No UTF-16 unit takes more than three bytes.
      this.#reserve(line.length * 3 + 1);
      this.#length += this.#bytes.write(line, this.#length);
    } else {
      this.#reserve(line.length + 1);
      this.#length += line.copy(this.#bytes, this.#length);
    }
    this.#bytes[this.#length] = NEWLINE;
    this.#length += 1;
  }

  /** A line of a text in which one value often follows upon its like: that one is copied, and not made a text again. */
  addValue(value: string | number): void {
    const from = this.#valueAt;
    const to = this.#length;
    if (value === this.#value && to === this.#valueEnd) {
      this.#reserve(to - from);
      for (let at = from; at < to; at += 1) this.#bytes[to + at - from] = this.#bytes[at] as number;
      this.#length += to - from;
    } else {
      this.addLine(String(value));
      this.#value = value;
    }
    this.#valueAt = to;
    this.#valueEnd = this.#length;
  }

  /** The n-th (from 0) of some UUIDs, as a line. */
  addUuid({ bytes, at }: UuidBytes, n: number): void {
    this.#reserve(UUID_LENGTH + 1);
    writeUuidText({ bytes, at: at + n * UUID_BYTES }, this.#bytes, this.#length);
    this.#bytes[this.#length + UUID_LENGTH] = NEWLINE;
    this.#length += UUID_LENGTH + 1;
  }

  /**
   * Makes of the last line, which is a transaction's id, the ids that `eventIdAt` gives its first `count` lines: each is the
   * one before, its last group raised by one.
   */
  toEventIds(count: number): void {
    const line = UUID_LENGTH + 1;
    this.#reserve(line * (count - 1));
    const bytes = this.#bytes;
    const first = this.#length - line;
    const end = first + line * count;
    for (let at = this.#length; at < end; at += at - first) bytes.copyWithin(at, first, Math.min(at, end - at + first));
    raiseUuidText(bytes, first);
    for (let at = first + line; at < end; at += line) {
      for (let digit = at + LAST_GROUP_AT; digit < at + UUID_LENGTH; digit += 1)
        bytes[digit] = bytes[digit - line] as number;
      raiseUuidText(bytes, at);
    }
    this.#length = end;
  }

  /** Ends the last line with `separator` instead. */
  separate(separator: number): void {
    this.#bytes[this.#length - 1] = separator;
    this.#value = null;
  }

  /** All lines but for the last end. A view: it holds until something is added. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, Math.max(0, this.#length - 1));
  }

  #reserve(more: number): void {
    this.#bytes = withRoom(this.#bytes, this.#length, more);
  }
}
