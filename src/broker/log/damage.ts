import { isAzudError } from '../../error/azud-error.ts';
import type { Message } from '../../event/batch.ts';
import type { Io } from '../../lib/io.ts';
import type { Damage, DamagedPlace } from '../driver.ts';
import { damaged } from './errors.ts';
import type { SegmentFolder } from './folder.ts';
import { checkRecord, datasetOf, encodeRecord, eventsOf, offsetOf, payloadBytesOf, recordBytes } from './record.ts';
import {
  encodeHeader,
  indexPath,
  readHeader,
  removeIfThere,
  type SegmentHeader,
  segmentPath,
  type Totals,
} from './segment.ts';
import { RunningTotals, SparseIndex } from './sparse-index.ts';
import { sharesOf, substitutes } from './substitute.ts';
import { wholeRecords } from './whole-records.ts';

export interface SkipOptions {
  readonly io: Io;
  readonly folder: SegmentFolder;
  readonly confirmed: boolean;
}

/** See `BrokerRepair.skip`. Of sealed segments: the start finds damage in the tail, and `skipTail` mends that. */
export async function skipDamage(options: SkipOptions): Promise<readonly Damage[]> {
  const { folder, confirmed } = options;
  const firsts = await folder.firsts();
  const found: Damage[] = [];
  // The last first: what a segment has lost is told by the sums at the beginning of the next.
  let next: SegmentHeader = await folder.header(firsts.at(-1) as number);
  for (const first of firsts.slice(0, -1).reverse()) {
    const segment = await inspect(options, first, next);
    next = segment.header;
    if (segment.places.length === 0) continue;
    if (confirmed) {
      await replace(options.io, folder.path, segment);
      folder.forget(first);
    }
    found.unshift(damageOf(segment));
  }
  return found;
}

export interface Inspected {
  readonly path: string;
  /** As it is on disk. */
  readonly bytes: Buffer;
  readonly header: SegmentHeader;
  /** What is not whole, in order. */
  readonly places: readonly DamagedPlace[];
  readonly lost: ReadonlyMap<string, number>;
  /** See `Damage.untold`. */
  readonly untold: number;
  /** Of what is whole, and all before it. */
  readonly totals: Totals;
}

async function inspect(options: SkipOptions, first: number, next: SegmentHeader): Promise<Inspected> {
  const { io, folder } = options;
  const path = segmentPath(folder.path, first);
  const bytes = await io.readFile(path);
  if (bytes === null) throw damaged(path, 0, 'the segment is missing');
  const { header, from, broken } = await headerOf(options, first);
  const places: DamagedPlace[] = broken ? [{ byte: 0, bytes: from, first, records: 0 }] : [];
  const totals = new RunningTotals(header.totals);
  const end = next.first;
  const isDamage = (byte: number, offset: number) => byte < bytes.length || offset < end;
  places.push(...damagedPlaces(bytes, { byte: from, offset: first }, { end, totals, isDamage }));
  const lost = new Map<string, number>();
  for (const [dataset, events] of next.totals.accepted) {
    const missing = events - (totals.accepted.get(dataset) ?? 0);
    if (missing !== 0) lost.set(dataset, missing);
  }
  const segment = { path, bytes, header, places, lost, untold: 0, totals };
  const told = sharesOf(lost).length <= recordsOf(segment) && lost.values().every((events) => events > 0);
  if (!told)
    throw damaged(path, places[0]?.byte ?? 0, 'the sums around it do not tell what is lost: only a copy mends that');
  return segment;
}

const recordsOf = ({ places }: Inspected): number => places.reduce((sum, { records }) => sum + records, 0);

/** The header, and where the records begin; from the index beside the segment where the header is damaged. */
async function headerOf({ io, folder }: SkipOptions, first: number) {
  const path = segmentPath(folder.path, first);
  const file = await io.open(path, 'read');
  try {
    const header = await readHeader(file, path);
    if (header.epoch !== folder.course.epoch)
      throw damaged(path, 0, 'it belongs to another log: only a copy mends that');
    return { header, from: header.bytes, broken: false };
  } catch (error) {
    const sidecar = await io.readFile(indexPath(folder.path, first));
    const entry = sidecar && SparseIndex.decode(sidecar)?.entries[0];
    if (!isAzudError(error, 'log-damaged') || !entry) throw error;
    const { epoch, terms } = folder.course;
    const { totals, time } = entry;
    const header = { epoch, first, time, totals, terms: terms.filter((term) => term.first <= first) };
    return { header, from: entry.byte, broken: true };
  } finally {
    await file.close();
  }
}

export interface Walk {
  /** Behind the last offset that the segment may hold. */
  readonly end: number;
  /** What is whole is added. */
  readonly totals: RunningTotals;
  /** Whether it is damage that no whole record of this offset begins at this byte; false: here the records end. */
  readonly isDamage: (byte: number, offset: number) => boolean;
}

/** What is not whole from a byte and the offset due there on, in order. */
export function damagedPlaces(
  bytes: Buffer,
  from: { readonly byte: number; readonly offset: number },
  { end, totals, isDamage }: Walk,
): DamagedPlace[] {
  const places: DamagedPlace[] = [];
  let { byte, offset } = from;
  for (;;) {
    const check = checkRecord(bytes, byte, bytes.length);
    if (check.state === 'whole' && offsetOf(bytes, byte) === offset && offset < end) {
      totals.add(datasetOf(bytes, byte), eventsOf(bytes, byte), payloadBytesOf(bytes, byte));
      byte += check.bytes;
      offset += 1;
      continue;
    }
    if (!isDamage(byte, offset)) return places;
    const to = nextWhole(bytes, byte, { offset, end });
    places.push({ byte, bytes: to.byte - byte, first: offset, records: to.offset - offset });
    ({ byte, offset } = to);
  }
}

/** Where whole records go on. */
function nextWhole(bytes: Buffer, from: number, wanted: { readonly offset: number; readonly end: number }) {
  for (const byte of wholeRecords(bytes, from)) {
    const offset = offsetOf(bytes, byte);
    if (offset >= wanted.offset && offset < wanted.end) return { byte, offset };
  }
  return { byte: bytes.length, offset: wanted.end };
}

/**
 * The segment gets its name only when it is on disk, and the old index is gone for good before: it would lead to bytes of the
 * old one. Killed in between, the damage is there as before.
 */
export async function replace(io: Io, folder: string, segment: Inspected): Promise<void> {
  const { path, bytes, header, places } = segment;
  const lost = substitutes({
    records: recordsOf(segment),
    lost: segment.lost,
    // Any that is there: of a record without events it says nothing.
    dataset: [...segment.lost.keys(), ...segment.totals.accepted.keys()][0] ?? 'unknown',
    time: header.time,
    kept: keptPath(segment),
  });
  const parts: Buffer[] = [];
  const [begun] = places;
  let at = 0;
  if (begun?.byte === 0 && begun.records === 0) parts.push(encodeHeader(header));
  for (const place of places) {
    parts.push(bytes.subarray(at, place.byte));
    for (let n = 0; n < place.records; n += 1) parts.push(recordOf(lost.shift() as Message, place.first + n));
    at = place.byte + place.bytes;
  }
  parts.push(bytes.subarray(at));
  await writeWhole(
    io,
    keptPath(segment),
    places.map(({ byte, bytes: length }) => bytes.subarray(byte, byte + length)),
  );
  await removeIfThere(io, indexPath(folder, header.first));
  await io.syncFolder(folder);
  await writeWhole(io, path, parts);
  await io.syncFolder(folder);
}

async function writeWhole(io: Io, path: string, parts: readonly Buffer[]): Promise<void> {
  const draft = `${path}.tmp`;
  await removeIfThere(io, draft);
  const file = await io.open(draft, 'create');
  try {
    await file.write(parts, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await io.rename(draft, path);
}

function recordOf(message: Message, offset: number): Buffer {
  const buffer = Buffer.alloc(recordBytes(message));
  encodeRecord(message, buffer, { at: 0, offset, groupFirst: offset });
  return buffer;
}

function keptPath({ path, places }: Pick<Inspected, 'path' | 'places'>): string {
  return `${path}.damaged-${places[0]?.byte}`;
}

export function damageOf({ path, places, lost, untold }: Inspected): Damage {
  return { file: path, kept: keptPath({ path, places }), places, lost, untold };
}
