import type { Io, IoFile } from '../../lib/io.ts';
import type { Located } from '../driver.ts';
import { SegmentCursor } from './cursor.ts';
import type { DurableEnd } from './durable-end.ts';
import { damaged, ioFailed, isMissing } from './errors.ts';
import { datasetOf, decodeRecord, eventsOf, payloadBytesOf, timeOf } from './record.ts';
import { indexPath, listSegments, readHeader, type SegmentHeader, segmentPath, type Totals } from './segment.ts';
import { type IndexEntry, RunningTotals, SparseIndex } from './sparse-index.ts';
import { type Course, positionAt } from './terms.ts';

/** Where one record lies. */
export interface Place {
  /** First offset of its segment. */
  readonly segment: number;
  readonly byte: number;
  readonly offset: number;
}

export interface FolderOptions {
  readonly io: Io;
  readonly path: string;
  readonly course: Course;
  readonly end: DurableEnd;
  /** The index of the segment being written, where this process writes it. */
  readonly liveIndex?: (first: number) => SparseIndex | null;
}

const INDEXES_KEPT = 16;

/** Bytes that are walked over rather than read anew: what a cursor reads at once. */
const NEAR_BYTES = 1024 * 1024;

/** The log's segments as a reader sees them: sealed files, and the tail up to the durable end. Writes nothing. */
export class SegmentFolder {
  readonly path: string;
  readonly end: DurableEnd;
  #course: Course;
  readonly #io: Io;
  readonly #liveIndex: ((first: number) => SparseIndex | null) | undefined;
  readonly #headers = new Map<number, Header>();
  readonly #indexes = new Map<number, SparseIndex>();

  constructor({ io, path, course, end, liveIndex }: FolderOptions) {
    this.#io = io;
    this.path = path;
    this.#course = course;
    this.end = end;
    this.#liveIndex = liveIndex;
  }

  /** Of the owner that writes now. */
  get course(): Course {
    return this.#course;
  }

  /** Another start of the owner goes on with the same log. */
  follow(course: Course): void {
    this.#course = course;
    // Where it found its tail empty it began that segment anew.
    this.#headers.clear();
  }

  /** First offsets of the segments, ascending; never empty. */
  async firsts(): Promise<number[]> {
    const tail = this.end.current.segment;
    const firsts = await listSegments(this.#io, this.path);
    return firsts.filter((first) => first <= tail);
  }

  /** First offset of the segment that holds the offset, or of the oldest one when it was removed. */
  async segmentOf(offset: number): Promise<number> {
    const firsts = await this.firsts();
    return firsts.findLast((first) => first <= offset) ?? (firsts[0] as number);
  }

  async header(first: number): Promise<Header> {
    const known = this.#headers.get(first);
    if (known) return known;
    const { file, path } = await this.open(first);
    try {
      const header = await readHeader(file, path);
      if (header.epoch !== this.#course.epoch) throw damaged(path, 0, `it belongs to another log, ${header.epoch}`);
      this.#headers.set(first, header);
      return header;
    } finally {
      await file.close();
    }
  }

  async index(first: number): Promise<SparseIndex> {
    const known = this.#liveIndex?.(first) ?? this.#indexes.get(first);
    if (known) return known;
    // A process that does not write the tail reads it from its beginning: at most one segment.
    if (first === this.end.current.segment) return SparseIndex.begin(await this.header(first));
    const sidecar = await this.#io.readFile(indexPath(this.path, first));
    const index = (sidecar && SparseIndex.decode(sidecar)) ?? (await this.#rebuildIndex(first));
    this.#indexes.set(first, index);
    const [oldest] = this.#indexes.keys();
    if (this.#indexes.size > INDEXES_KEPT && oldest !== undefined) this.#indexes.delete(oldest);
    return index;
  }

  /** Forgets a segment that was removed. */
  forget(first: number): void {
    this.#headers.delete(first);
    this.#indexes.delete(first);
  }

  /** @throws AzudError `log-damaged` when it is missing */
  async open(first: number): Promise<{ readonly file: IoFile; readonly path: string }> {
    const path = segmentPath(this.path, first);
    try {
      return { file: await this.#io.open(path, 'read'), path };
    } catch (error) {
      if (isMissing(error)) throw damaged(path, 0, 'the segment is missing');
      throw ioFailed(`opening ${path}`, error);
    }
  }

  /** Byte up to which the segment may be read now. */
  async limit(first: number, file: IoFile): Promise<number> {
    const end = this.end.current;
    return first === end.segment ? end.byte : file.size();
  }

  /** Visits the records of a segment from an entry on, until `visit` answers false. */
  async scan(first: number, from: Pick<IndexEntry, 'byte' | 'offset'>, visit: (cursor: SegmentCursor) => boolean) {
    const { file, path } = await this.open(first);
    try {
      const cursor = new SegmentCursor(file, path, from);
      const limit = await this.limit(first, file);
      while (await cursor.next(limit)) {
        if (!visit(cursor)) return;
        cursor.advance();
      }
    } finally {
      await file.close();
    }
  }

  /**
   * The records at places that the owner named: they are durable, though this process may not have been told yet.
   * What lies near each other is read at once: a request that was repeated a thousand times has a thousand places.
   * @throws AzudError `log-damaged` when there is no such record
   */
  async read(places: readonly Place[]): Promise<Located[]> {
    const located: Located[] = [];
    for (const [segment, here] of Map.groupBy(places, (place) => place.segment)) {
      const { file, path } = await this.open(segment);
      try {
        const limit = await file.size();
        let cursor = new SegmentCursor(file, path, here[0] ?? { byte: 0, offset: 0 });
        for (const { byte, offset } of here) {
          if (byte - cursor.byte > NEAR_BYTES) cursor = new SegmentCursor(file, path, { byte, offset });
          while (cursor.byte < byte && (await cursor.next(limit))) cursor.advance();
          if (!(await cursor.next(limit))) throw damaged(path, byte, 'the record is missing');
          const message = decodeRecord(cursor.buffer, cursor.at);
          located.push({ message, position: positionAt(this.#course, offset) });
        }
      } finally {
        await file.close();
      }
    }
    return located;
  }

  /** Sums over everything up to and with `offset`, and the time of the record behind it (null at the end). */
  async totalsUpTo(offset: number): Promise<{ readonly totals: Totals; readonly nextTime: number | null }> {
    const first = await this.segmentOf(offset + 1);
    const entry = (await this.index(first)).at(offset + 1);
    const totals = new RunningTotals(entry.totals);
    let nextTime: number | null = null;
    await this.scan(first, entry, ({ buffer, at, offset: current }) => {
      if (current > offset) {
        nextTime = timeOf(buffer, at);
        return false;
      }
      totals.add(datasetOf(buffer, at), eventsOf(buffer, at), payloadBytesOf(buffer, at));
      return true;
    });
    return { totals, nextTime };
  }

  async #rebuildIndex(first: number): Promise<SparseIndex> {
    const header = await this.header(first);
    const index = SparseIndex.begin(header);
    const totals = new RunningTotals(header.totals);
    const [start] = index.entries;
    await this.scan(first, start as IndexEntry, (cursor) => {
      indexRecord(cursor, index, totals);
      return true;
    });
    return index;
  }
}

export type Header = SegmentHeader & { readonly bytes: number };

/** Adds the record at the cursor to an index and its sums. */
export function indexRecord({ buffer, at, byte, offset }: SegmentCursor, index: SparseIndex, totals: RunningTotals) {
  if (index.isDue(byte)) index.add({ offset, byte, time: timeOf(buffer, at), totals: totals.copy() });
  totals.add(datasetOf(buffer, at), eventsOf(buffer, at), payloadBytesOf(buffer, at));
}
