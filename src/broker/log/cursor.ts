import type { IoFile } from '../../lib/io.ts';
import { damaged, ioFailed } from './errors.ts';
import { checkRecord, offsetOf } from './record.ts';

/** One read of the disk. Large enough to be sequential, small enough that a unit of work stays in memory. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * Walks over the records of one segment file and checks each: `peek` looks at the next record in memory, `fill` reads
 * more, `advance` goes past it. Records stay valid after the cursor moves on: every read has its own buffer.
 */
export class SegmentCursor {
  /** Holds the record that `peek` found, at `at`. */
  buffer: Buffer = Buffer.alloc(0);
  at = 0;
  /** Length of that record. */
  bytes = 0;
  readonly path: string;
  readonly #file: IoFile;
  #bufferByte: number;
  #needed = 0;
  #offset: number;

  /** @param offset of the record at `byte` */
  constructor(file: IoFile, path: string, { byte, offset }: { readonly byte: number; readonly offset: number }) {
    this.#file = file;
    this.path = path;
    this.#bufferByte = byte;
    this.#offset = offset;
  }

  /** Byte in the file of the next record. */
  get byte(): number {
    return this.#bufferByte + this.at;
  }

  /** Offset of the next record. */
  get offset(): number {
    return this.#offset;
  }

  /** @throws AzudError `log-damaged` */
  peek(): boolean {
    if (this.at >= this.buffer.length) return false;
    const check = checkRecord(this.buffer, this.at, this.buffer.length);
    if (check.state === 'bad') throw damaged(this.path, this.byte, check.reason);
    if (check.state === 'short') {
      this.#needed = check.bytes;
      return false;
    }
    const offset = offsetOf(this.buffer, this.at);
    if (offset !== this.#offset) {
      throw damaged(this.path, this.byte, `record ${offset} stands where ${this.#offset} belongs`);
    }
    this.bytes = check.bytes;
    return true;
  }

  advance(): void {
    this.at += this.bytes;
    this.#offset += 1;
    this.#needed = 0;
  }

  /**
   * Reads on, up to `limit` (a byte where a record ends). False when the cursor stands there.
   * @throws AzudError `log-damaged` when the last record crosses the limit; `io-failed`
   */
  async fill(limit: number): Promise<boolean> {
    const { byte } = this;
    const left = limit - byte;
    if (left <= 0) return false;
    // What is in memory already does not hold a whole record: less than that cannot help.
    if (left <= this.buffer.length - this.at) throw damaged(this.path, byte, 'a record is cut short');
    const buffer = Buffer.allocUnsafeSlow(Math.min(left, Math.max(CHUNK_BYTES, this.#needed)));
    const count = await this.#read(buffer, byte);
    if (count < buffer.length)
      throw damaged(this.path, byte + count, `it ends ${buffer.length - count} bytes too early`);
    this.buffer = buffer;
    this.#bufferByte = byte;
    this.at = 0;
    return true;
  }

  /** `peek`, reading as needed. */
  async next(limit: number): Promise<boolean> {
    while (!this.peek()) {
      if (!(await this.fill(limit))) return false;
    }
    return true;
  }

  async #read(buffer: Buffer, byte: number): Promise<number> {
    try {
      return await this.#file.read(buffer, byte);
    } catch (error) {
      throw ioFailed(`reading ${this.path}`, error);
    }
  }
}
