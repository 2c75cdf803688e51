import { withRoom } from '../../lib/room.ts';

/** The text format of COPY: a row a line, values apart by tabs. */
export const TAB = 0x09;
export const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BACKSLASH = 0x5c;

/** Sent when this much has gathered: large enough that a row's share of a write is nothing, small enough to overlap. */
const FLUSH_BYTES = 128 * 1024;
/** Room above it: the largest event, every byte escaped. */
const FIRST_BYTES = FLUSH_BYTES + 640 * 1024;
/** Up to here a loop is faster than a call of the engine's. */
const SHORT_BYTES = 24;

/** What the four characters that COPY gives a meaning become. */
const ESCAPES: Readonly<Record<number, number>> = {
  [TAB]: 0x74,
  [NEWLINE]: 0x6e,
  [RETURN]: 0x72,
  [BACKSLASH]: BACKSLASH,
};

/**
 * Rows of a COPY under construction. Two memories take turns: while one is on its way to the socket the other is filled.
 */
export class CopyBuffer {
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #other: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length >= FLUSH_BYTES;
  }

  /** What has gathered. It holds until the take after the next. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    [this.#bytes, this.#other] = [this.#other, this.#bytes];
    this.#length = 0;
    return taken;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Makes room; what follows is written without asking again. */
  reserve(more: number): void {
    this.#bytes = withRoom(this.#bytes, this.#length, more);
  }

  byte(value: number): void {
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  /** `\N`. */
  nothing(): void {
    this.byte(BACKSLASH);
    this.byte(0x4e);
  }

  ascii(text: string): void {
    this.#length += this.#bytes.write(text, this.#length, 'latin1');
  }

  /** Any text, escaped. */
  text(text: string): void {
    this.reserve(text.length * 6);
    const start = this.#length;
    const end = start + this.#bytes.write(text, start);
    if (!hasSpecial(this.#bytes, start, end)) this.#length = end;
    else this.escaped(Buffer.from(this.#bytes.subarray(start, end)), 0, end - start);
  }

  /** Bytes that hold nothing to escape. */
  plain(source: Buffer, from: number, to: number): void {
    const bytes = this.#bytes;
    let at = this.#length;
    if (to - from > SHORT_BYTES) {
      source.copy(bytes, at, from, to);
      at += to - from;
    } else {
      for (let i = from; i < to; i += 1) bytes[at++] = source[i] as number;
    }
    this.#length = at;
  }

  escaped(source: Buffer, from: number, to: number): void {
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = from; i < to; i += 1) {
      const byte = source[i] as number;
      const escaped = ESCAPES[byte];
      if (escaped === undefined) bytes[at++] = byte;
      else {
        bytes[at++] = BACKSLASH;
        bytes[at++] = escaped;
      }
    }
    this.#length = at;
  }
}

export function hasSpecial(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i += 1) {
    const byte = bytes[i] as number;
    if (byte === BACKSLASH || byte === TAB || byte === NEWLINE || byte === RETURN) return true;
  }
  return false;
}
