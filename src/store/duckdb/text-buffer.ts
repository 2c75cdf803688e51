/** First size; doubled as needed. */
const FIRST_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
const ID_LENGTH = 36;
/** Of those, the last group of a UUID: 48 bits. */
const LAST_GROUP_AT = 24;

/** Lines of UTF-8, written one after the other into memory that is kept. */
export class TextBuffer {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;

  clear(): void {
    this.#length = 0;
  }

  /** Whole lines, each ended by `\n`. */
  addLines(lines: Buffer): void {
    this.#reserve(lines.length);
    lines.copy(this.#bytes, this.#length);
    this.#length += lines.length;
  }

  addLine(line: string | Buffer): void {
    if (typeof line === 'string') {
      // No UTF-16 unit takes more than three bytes.
      this.#reserve(line.length * 3 + 1);
      this.#length += this.#bytes.write(line, this.#length);
    } else {
      this.addLines(line);
      this.#reserve(1);
    }
    this.#bytes[this.#length] = NEWLINE;
    this.#length += 1;
  }

  /** The ids `eventIdAt` gives the first `count` lines of a transaction: each is the one before, its last group raised by one. */
  addEventIds(transactionId: string, count: number): void {
    this.#reserve((ID_LENGTH + 1) * count);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes.write(transactionId, at, 'latin1');
    for (let line = 0; line < count; line += 1) {
      if (line > 0) for (let i = 0; i < ID_LENGTH; i += 1) bytes[at + i] = bytes[at + i - ID_LENGTH - 1] as number;
      raise(bytes, at + LAST_GROUP_AT, at + ID_LENGTH);
      bytes[at + ID_LENGTH] = NEWLINE;
      at += ID_LENGTH + 1;
    }
    this.#length = at;
  }

  /** Ends the last line with `separator` instead. */
  separate(separator: number): void {
    this.#bytes[this.#length - 1] = separator;
  }

  /** All lines but for the last end. A view: it holds until something is added. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, Math.max(0, this.#length - 1));
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Adds one to the number in lower-case hexadecimal digits; beyond the largest comes zero. */
function raise(bytes: Buffer, from: number, to: number): void {
  for (let at = to - 1; at >= from; at -= 1) {
    const digit = bytes[at] as number;
    if (digit !== 0x66) {
      bytes[at] = digit === 0x39 ? 0x61 : digit + 1;
      return;
    }
    bytes[at] = 0x30;
  }
}
