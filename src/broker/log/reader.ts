import type { Clock } from '../../lib/clock.ts';
import type { IoFile } from '../../lib/io.ts';
import type { Delivery, Progress, ReceiveOptions, Subscription } from '../driver.ts';
import { SegmentCursor } from './cursor.ts';
import { aheadOfLog, damaged, naming, notOpen, otherCourse, otherEpoch, removedBefore } from './errors.ts';
import type { SegmentFolder } from './folder.ts';
import { decodeRecord, payloadBytesOf } from './record.ts';
import { lastShared, positionAt } from './terms.ts';

export interface ReaderOptions {
  readonly folder: SegmentFolder;
  readonly clock: Clock;
  /** Offset after which it begins. */
  readonly after: number;
  readonly onAck: (offset: number) => void;
}

/**
 * The offset that a store's progress names in this log.
 * @throws AzudError `log-behind` when the progress is of another log, of a part that this one has lost, or lies outside it
 */
export async function offsetOfProgress(folder: SegmentFolder, progress: Progress): Promise<number> {
  const [first = 1] = await folder.firsts();
  const [position] = progress;
  // A store without progress takes what there is: what was removed had been released by a store before it.
  if (!position) return first - 1;
  if (position.stream !== folder.course.epoch) throw otherEpoch(position.stream, folder.course.epoch);
  const end = folder.end.current.offset;
  if (position.offset > end) throw aheadOfLog(position.offset, end);
  if (position.offset < first - 1) throw removedBefore(position.offset, first);
  const shared = lastShared(folder.course, position);
  if (shared === null || position.offset > shared) throw otherCourse(position.offset, shared);
  return position.offset;
}

/** Reads segment files in large pieces, checks every record, never passes the durable end. */
export class LogReader implements Subscription {
  readonly unhurried = true;
  readonly #options: ReaderOptions;
  readonly #closing = new AbortController();
  #next: number;
  #notBefore = 0;
  /** Of the record read last. */
  #dataset = '';
  #open: OpenSegment | null = null;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#next = options.after + 1;
  }

  async receive(options: ReceiveOptions): Promise<readonly Delivery[]> {
    const { folder, clock } = this.#options;
    while (!options.signal.aborted) {
      if (this.#closing.signal.aborted) throw notOpen();
      if (folder.end.failure) throw folder.end.failure;
      const wait = this.#notBefore - clock.monotonic();
      if (wait > 0) {
        await clock.sleep(wait, options.signal);
      } else if (this.#next > folder.end.current.offset) {
        await folder.end.change(options.signal);
      } else {
        const reading = naming('reading the log', () => this.#read(options));
        this.#reading = reading.catch(() => undefined);
        const deliveries = await reading;
        if (deliveries.length > 0) return deliveries;
      }
    }
    return [];
  }

  async ack(deliveries: readonly Delivery[]): Promise<void> {
    const last = deliveries.reduce((offset, { position }) => Math.max(offset, position?.offset ?? 0), 0);
    if (last > 0) this.#options.onAck(last);
  }

  /** Order is kept: what came after the first nacked delivery comes again too. */
  async nack(deliveries: readonly Delivery[], delayMs: number): Promise<void> {
    const first = deliveries.reduce((offset, { position }) => Math.min(offset, position?.offset ?? offset), this.#next);
    this.#notBefore = this.#options.clock.monotonic() + delayMs;
    if (first < this.#next) await this.#leave();
    this.#next = first;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#options.folder.end.wake();
    await this.#reading;
    await this.#leave();
  }

  /** What can be had with one read of the disk, within the bounds asked for. */
  async #read({ messagesMax, bytesMax }: ReceiveOptions): Promise<Delivery[]> {
    this.#open ??= await this.#enter();
    const { cursor } = this.#open;
    const { course } = this.#options.folder;
    const deliveries: Delivery[] = [];
    if (!cursor.peek() && !(await this.#fill(this.#open))) {
      await this.#pass(this.#open);
      return deliveries;
    }
    for (let bytes = 0; deliveries.length < messagesMax && cursor.peek(); cursor.advance()) {
      bytes += payloadBytesOf(cursor.buffer, cursor.at);
      if (deliveries.length > 0 && bytes > bytesMax) break;
      // Only after a seek: the index leads to a record somewhat before the one asked for.
      if (cursor.offset < this.#next) continue;
      const message = decodeRecord(cursor.buffer, cursor.at, this.#dataset);
      this.#dataset = message.dataset;
      deliveries.push({ message, position: positionAt(course, cursor.offset) });
      this.#next = cursor.offset + 1;
    }
    return deliveries;
  }

  async #fill({ cursor, first, file }: OpenSegment): Promise<boolean> {
    return cursor.fill(await this.#options.folder.limit(first, file));
  }

  async #enter(): Promise<OpenSegment> {
    const { folder } = this.#options;
    const first = await folder.segmentOf(this.#next);
    // The index would lead past a damaged header.
    await folder.header(first);
    const entry = (await folder.index(first)).at(this.#next);
    const { file, path } = await folder.open(first);
    return { first, file, cursor: new SegmentCursor(file, path, entry) };
  }

  /** The segment is read to its end and the next record is durable: it begins the next segment. */
  async #pass({ first, cursor, file }: OpenSegment): Promise<void> {
    const { folder } = this.#options;
    if (first === folder.end.current.segment) return;
    // Sealed between the two looks: what was written last is read first.
    if (cursor.byte < (await file.size())) return;
    const next = await folder.segmentOf(cursor.offset);
    if (next !== cursor.offset) throw damaged(cursor.path, cursor.byte, `record ${cursor.offset} is missing`);
    await this.#leave();
  }

  async #leave(): Promise<void> {
    const file = this.#open?.file;
    this.#open = null;
    await file?.close();
  }
}

interface OpenSegment {
  readonly first: number;
  readonly file: IoFile;
  readonly cursor: SegmentCursor;
}
