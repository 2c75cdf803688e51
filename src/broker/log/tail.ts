import type { Io, IoFile } from '../../lib/io.ts';
import type { DurableEnd } from './durable-end.ts';
import type { Group } from './group.ts';
import { recordBytes } from './record.ts';
import { createSegment, type SegmentHeader } from './segment.ts';
import { type RunningTotals, SparseIndex, writeIndex } from './sparse-index.ts';
import type { Course } from './terms.ts';

/**
 * Zeros written ahead of small groups: a sync that changes neither the file's size nor its extents commits no metadata
 * and takes two thirds of the time (measured on ext4: 0.16 ms against 0.27). Large groups gain nothing and go without.
 */
const ZEROS = Buffer.alloc(1024 * 1024);
const SMALL_GROUP_BYTES = 256 * 1024;

export interface TailState {
  readonly header: SegmentHeader;
  readonly file: IoFile;
  readonly index: SparseIndex;
  readonly totals: RunningTotals;
}

export interface TailOptions {
  readonly io: Io;
  readonly folder: string;
  readonly segmentBytesMax: number;
  readonly end: DurableEnd;
  readonly now: () => number;
}

/** The segment that is being written: it appends groups, and begins the next segment when this one is full. */
export class Tail {
  readonly #options: TailOptions;
  #state: TailState;
  /** Bytes of the file that are written, with records or zeros. */
  #allocated: number;

  constructor(state: TailState, options: TailOptions) {
    this.#state = state;
    this.#options = options;
    this.#allocated = options.end.current.byte;
  }

  /** Null when another segment is being written. */
  indexOf(first: number): SparseIndex | null {
    return first === this.#state.header.first ? this.#state.index : null;
  }

  /** Epoch and terms: the same for as long as this process writes. */
  get course(): Course {
    const { epoch, terms } = this.#state.header;
    return { epoch, terms };
  }

  /** As of the durable end. */
  get totals(): RunningTotals {
    return this.#state.totals;
  }

  /** Resolves when the group is durable; the end has moved then. Rejects with what the disk said. */
  async append(group: Group): Promise<void> {
    const { end, segmentBytesMax } = this.#options;
    const full = end.current.byte + group.bytes > segmentBytesMax;
    if (full && end.current.offset >= this.#state.header.first) await this.#rotate();
    const byte = this.#nextByte();
    const limit = byte + group.bytes;
    const ahead =
      limit > this.#allocated && group.bytes <= SMALL_GROUP_BYTES && limit + ZEROS.length <= segmentBytesMax;
    await this.#state.file.write(ahead ? [group.encoded, ZEROS] : [group.encoded], byte);
    this.#allocated = Math.max(this.#allocated, limit + (ahead ? ZEROS.length : 0));
    try {
      await this.#state.file.sync();
    } catch (error) {
      // Even "disk full" is fatal here: the kernel may have dropped the pages, and a second sync would not tell.
      throw Object.assign(new Error(`fdatasync: ${(error as Error).message}`, { cause: error }), { code: 'EIO' });
    }
    this.#note(group, byte);
    end.advance({ offset: group.first + group.messages.length - 1, segment: this.#state.header.first, byte: limit });
  }

  /** Gives back what a failed write and the zeros hold. */
  async cut(): Promise<void> {
    this.#allocated = this.#nextByte();
    await this.#state.file.truncate(this.#allocated);
  }

  /** Cuts the zeros off and closes. */
  async close(): Promise<void> {
    try {
      await this.cut();
      await this.#state.file.sync();
    } finally {
      await this.#state.file.close();
    }
  }

  /** Closes without touching the disk. */
  async abandon(): Promise<void> {
    await this.#state.file.close();
  }

  #nextByte(): number {
    const { segment, byte } = this.#options.end.current;
    // A segment that was just begun holds nothing durable yet: the end still lies in the one before.
    return segment === this.#state.header.first ? byte : this.#headerBytes();
  }

  #headerBytes(): number {
    return this.#state.index.entries[0]?.byte ?? 0;
  }

  async #rotate(): Promise<void> {
    const { io, folder, end, now } = this.#options;
    const sealed = this.#state;
    await this.cut();
    await sealed.file.sync();
    await writeIndex(io, folder, sealed);
    const header = {
      ...sealed.header,
      first: end.current.offset + 1,
      time: now(),
      totals: sealed.totals.copy(),
    };
    const { file, bytes } = await createSegment(io, folder, header);
    const index = SparseIndex.begin({ ...header, bytes });
    this.#state = { header, file, index, totals: sealed.totals };
    this.#allocated = bytes;
    await sealed.file.close();
  }

  #note(group: Group, byte: number): void {
    const { index, totals } = this.#state;
    let at = byte;
    group.messages.forEach((message, n) => {
      if (index.isDue(at)) index.add({ offset: group.first + n, byte: at, time: message.time, totals: totals.copy() });
      totals.add(message.dataset, message.events, message.payload.length);
      at += recordBytes(message);
    });
  }
}
