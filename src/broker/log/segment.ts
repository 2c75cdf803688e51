import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Io, IoFile } from '../../lib/io.ts';
import { damaged, ioFailed } from './errors.ts';
import type { Term } from './terms.ts';

/** Sums over every record from the log's first on; they outlive the segments that retention removes. */
export interface Totals {
  readonly payloadBytes: number;
  /** Events ever accepted, by dataset. */
  readonly accepted: ReadonlyMap<string, number>;
}

/** What stands at the beginning of a segment file. Offsets count records from 1, across all segments. */
export interface SegmentHeader {
  /** UUID of the log: a log begun anew gets another, so that a position never names two records. */
  readonly epoch: string;
  /** Offset of the segment's first record. */
  readonly first: number;
  /** ms since the epoch when it was begun. */
  readonly time: number;
  /** As of before its first record. */
  readonly totals: Totals;
  /** Of the log up to here; the last is that of its own records. Empty where an Azud without terms wrote it. */
  readonly terms: readonly Term[];
}

/** Bytes: magic 8, length of the JSON u32, its crc32 u32, JSON. */
const MAGIC = Buffer.from('AZUDLOG1');
const PREFIX_BYTES = MAGIC.length + 8;
const VERSION = 1;
const HEADER_BYTES_MAX = 16 * 1024 * 1024;

const SUFFIX = '.seg';
const NAME = /^\d{16}\.seg$/;

export function segmentPath(folder: string, first: number): string {
  return join(folder, `${String(first).padStart(16, '0')}${SUFFIX}`);
}

export function indexPath(folder: string, first: number): string {
  return join(folder, `${String(first).padStart(16, '0')}.idx`);
}

/** First offsets of the segments in the folder, ascending. */
export async function listSegments(io: Io, folder: string): Promise<number[]> {
  const names = await io.list(folder);
  return names.filter((name) => NAME.test(name)).map((name) => Number.parseInt(name, 10));
}

export function encodeHeader(header: SegmentHeader): Buffer {
  const json = Buffer.from(
    JSON.stringify({
      version: VERSION,
      epoch: header.epoch,
      first: header.first,
      time: header.time,
      payload_bytes: header.totals.payloadBytes,
      accepted: [...header.totals.accepted],
      terms: header.terms.map(({ id, first }) => [id, first]),
    }),
  );
  const prefix = Buffer.alloc(PREFIX_BYTES);
  MAGIC.copy(prefix);
  prefix.writeUInt32LE(json.length, MAGIC.length);
  prefix.writeUInt32LE(crc32(json, json.length), MAGIC.length + 4);
  return Buffer.concat([prefix, json]);
}

/** @throws AzudError `log-damaged`; `io-failed` */
export async function readHeader(file: IoFile, path: string): Promise<SegmentHeader & { readonly bytes: number }> {
  const prefix = await readAt(file, path, PREFIX_BYTES);
  if (prefix.length < PREFIX_BYTES || !prefix.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw damaged(path, 0, 'it does not begin like a segment of this version');
  }
  const bytes = PREFIX_BYTES + prefix.readUInt32LE(MAGIC.length);
  const whole = bytes <= HEADER_BYTES_MAX ? await readAt(file, path, bytes) : Buffer.alloc(0);
  const json = whole.subarray(PREFIX_BYTES);
  if (whole.length < bytes || crc32(json, json.length) !== prefix.readUInt32LE(MAGIC.length + 4)) {
    throw damaged(path, 0, 'the checksum does not fit its header');
  }
  return { ...parse(json), bytes };
}

/**
 * Begins a segment: the file gets its name only when its header is on disk, so a segment without a whole header is damage
 * and never a torn write.
 */
export async function createSegment(io: Io, folder: string, header: SegmentHeader): Promise<NewSegment> {
  const path = segmentPath(folder, header.first);
  const draft = `${path}.tmp`;
  const bytes = encodeHeader(header);
  await removeIfThere(io, draft);
  const file = await io.open(draft, 'create');
  try {
    await file.write([bytes], 0);
    await file.sync();
    await io.rename(draft, path);
    await io.syncFolder(folder);
    return { file, bytes: bytes.length };
  } catch (error) {
    await file.close();
    throw error;
  }
}

export interface NewSegment {
  readonly file: IoFile;
  /** Of the header: where its first record goes. */
  readonly bytes: number;
}

export async function removeIfThere(io: Io, path: string): Promise<void> {
  try {
    await io.remove(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function parse(json: Buffer): SegmentHeader {
  const { epoch, first, time, payload_bytes, accepted, terms } = JSON.parse(json.toString('utf8')) as {
    epoch: string;
    first: number;
    time: number;
    payload_bytes: number;
    accepted: [string, number][];
    terms?: [string, number][];
  };
  return {
    epoch,
    first,
    time,
    totals: { payloadBytes: payload_bytes, accepted: new Map(accepted) },
    terms: (terms ?? []).map(([id, from]) => ({ id, first: from })),
  };
}

async function readAt(file: IoFile, path: string, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  try {
    return buffer.subarray(0, await file.read(buffer, 0));
  } catch (error) {
    throw ioFailed(`reading ${path}`, error);
  }
}
