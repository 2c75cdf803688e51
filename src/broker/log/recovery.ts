import { randomUUID } from 'node:crypto';
import { isAzudError } from '../../error/azud-error.ts';
import type { Io, IoFile } from '../../lib/io.ts';
import { SegmentCursor } from './cursor.ts';
import type { End } from './durable-end.ts';
import { damaged, ioFailed } from './errors.ts';
import { type Header, indexRecord } from './folder.ts';
import { groupFirstOf } from './record.ts';
import { createSegment, listSegments, readHeader, segmentPath, type Totals } from './segment.ts';
import { RunningTotals, SparseIndex, writeIndex } from './sparse-index.ts';
import type { TailState } from './tail.ts';
import { beginTerm, type Term } from './terms.ts';
import { laterGroup } from './whole-records.ts';

export interface Recovered {
  readonly end: End;
  readonly tail: TailState;
  /** Bytes of unfinished writes that were cut from the end; preallocated zeros do not count. */
  readonly bytesCut: number;
}

/**
 * Finds the end of the log: only the tail segment is read. What lies behind the last whole record was never acknowledged
 * and is cut. The records of this start go into a segment of their own, whose header says of which term they are.
 * @throws AzudError `log-damaged` when a record that had been durable is not whole any more
 */
export async function recover(io: Io, folder: string, now: number): Promise<Recovered> {
  await removeDrafts(io, folder);
  // A process that was killed right after it named a segment left a name that a power cut may still take back.
  await io.syncFolder(folder);
  const firsts = await listSegments(io, folder);
  const [oldest, tail] = [firsts[0], firsts.at(-1)];
  const found = tail === undefined ? NOTHING : await scanTail(io, folder, tail);
  const { end, totals, bytesCut } = found;
  const header = {
    epoch: found.epoch ?? randomUUID(),
    first: end + 1,
    time: now,
    totals,
    terms: beginTerm(found.terms, { id: randomUUID(), end, oldest: oldest ?? 1 }),
  };
  const { file, bytes } = await createSegment(io, folder, header);
  const index = SparseIndex.begin({ ...header, bytes });
  return {
    tail: { header, file, index, totals: new RunningTotals(totals) },
    end: { offset: end, segment: header.first, byte: bytes },
    bytesCut,
  };
}

/** What the segments that are there hold. */
interface Found {
  /** Null where there is none. */
  readonly epoch: string | null;
  readonly terms: readonly Term[];
  /** Last offset. */
  readonly end: number;
  readonly totals: Totals;
  readonly bytesCut: number;
}

const NOTHING: Found = {
  epoch: null,
  terms: [],
  end: 0,
  totals: { payloadBytes: 0, accepted: new Map() },
  bytesCut: 0,
};

async function removeDrafts(io: Io, folder: string): Promise<void> {
  const drafts = (await io.list(folder)).filter((name) => name.endsWith('.tmp'));
  for (const draft of drafts) await io.remove(`${folder}/${draft}`);
}

async function scanTail(io: Io, folder: string, first: number): Promise<Found> {
  const path = segmentPath(folder, first);
  const file = await io.open(path, 'write');
  try {
    const header = await readHeader(file, path);
    const { cursor, index, totals, groupByte } = await walk(file, path, header);
    const { byte, offset } = cursor;
    const bytesCut = await inspectRest(file, path, { byte, offset });
    await file.truncate(byte);
    // What the last process wrote may be whole and yet not on disk: from here on readers are given it.
    await rewrite(file, groupByte, byte);
    await file.sync();
    if (offset > first) await writeIndex(io, folder, { header, index });
    return { epoch: header.epoch, terms: header.terms, end: offset - 1, totals: totals.copy(), bytesCut };
  } catch (error) {
    throw isAzudError(error) ? error : ioFailed(`recovering ${path}`, error);
  } finally {
    await file.close();
  }
}

/**
 * Writes the last group commit over itself. Where its sync failed the kernel may keep it in memory as clean: it reads well,
 * a second sync has nothing to do, and a power cut takes it, with all that would stand behind it by then.
 */
async function rewrite(file: IoFile, from: number, to: number): Promise<void> {
  const group = Buffer.allocUnsafeSlow(to - from);
  const count = await file.read(group, from);
  await file.write([group.subarray(0, count)], from);
}

/** Goes over every whole record from the segment's beginning; the last group commit begins at `groupByte`. */
async function walk(file: IoFile, path: string, header: Header) {
  const cursor = new SegmentCursor(file, path, { byte: header.bytes, offset: header.first });
  const index = SparseIndex.begin(header);
  const totals = new RunningTotals(header.totals);
  const size = await file.size();
  let groupByte = header.bytes;
  try {
    while (await cursor.next(size)) {
      if (groupFirstOf(cursor.buffer, cursor.at) === cursor.offset) groupByte = cursor.byte;
      indexRecord(cursor, index, totals);
      cursor.advance();
    }
  } catch (error) {
    if (!isAzudError(error, 'log-damaged')) throw error;
  }
  return { cursor, index, totals, groupByte };
}

/**
 * Bytes behind the last whole record that a torn write left. A later group commit among them proves that the missing
 * record had been synced: then this is no torn tail but damage, and cutting would lose acknowledged events.
 */
async function inspectRest(file: IoFile, path: string, end: { readonly byte: number; readonly offset: number }) {
  const rest = Buffer.alloc((await file.size()) - end.byte);
  await file.read(rest, end.byte);
  const later = laterGroup(rest, 0, end.offset);
  if (later !== null) throw damaged(path, end.byte, `record ${end.offset} is not whole, but ${later} behind it is`);
  return lengthWithoutZeros(rest);
}

function lengthWithoutZeros(bytes: Buffer): number {
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0) length -= 1;
  return length;
}
