import { crc32 } from 'node:zlib';
import type { Io } from '../../lib/io.ts';
import { LOG_LIMITS } from '../../limits.ts';
import { isDiskFull } from './errors.ts';
import { indexPath, removeIfThere, type SegmentHeader, type Totals } from './segment.ts';

/** A place in a segment where a record begins, with the sums as of before that record. */
export interface IndexEntry {
  readonly offset: number;
  readonly byte: number;
  /** ms, of the record that begins here; of the segment itself for the first entry. */
  readonly time: number;
  readonly totals: Totals;
}

/** About one entry every `strideBytes` of a segment: where to begin reading for an offset or a time. */
export class SparseIndex {
  readonly #entries: IndexEntry[];
  readonly #strideBytes: number;

  constructor(entries: readonly IndexEntry[], strideBytes: number = LOG_LIMITS.indexStrideBytes) {
    this.#entries = [...entries];
    this.#strideBytes = strideBytes;
  }

  static begin(header: SegmentHeader & { readonly bytes: number }, strideBytes?: number): SparseIndex {
    const { first, bytes, time, totals } = header;
    return new SparseIndex([{ offset: first, byte: bytes, time, totals }], strideBytes);
  }

  get entries(): readonly IndexEntry[] {
    return this.#entries;
  }

  /** True when the record that begins at `byte` deserves an entry. */
  isDue(byte: number): boolean {
    return byte - (this.#entries.at(-1)?.byte ?? 0) >= this.#strideBytes;
  }

  add(entry: IndexEntry): void {
    this.#entries.push(entry);
  }

  /** The last entry at or before the offset; the first one when there is none. */
  at(offset: number): IndexEntry {
    let low = 0;
    let high = this.#entries.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#entries[middle] as IndexEntry).offset <= offset) low = middle;
      else high = middle - 1;
    }
    return this.#entries[low] as IndexEntry;
  }

  /** The file beside a sealed segment: checksum in hex, `\n`, JSON. */
  encode(): Buffer {
    const entries = this.#entries.map(({ offset, byte, time, totals }) => [
      offset,
      byte,
      time,
      totals.payloadBytes,
      [...totals.accepted],
    ]);
    const json = JSON.stringify(entries);
    return Buffer.from(`${crc32(json).toString(16).padStart(8, '0')}\n${json}`);
  }

  /** Null when the bytes are damaged: an index is made again from its segment. */
  static decode(bytes: Buffer): SparseIndex | null {
    const json = bytes.subarray(9);
    if (json.length === 0 || crc32(json).toString(16).padStart(8, '0') !== bytes.toString('latin1', 0, 8)) return null;
    const entries = JSON.parse(json.toString('utf8')) as EncodedEntry[];
    return new SparseIndex(
      entries.map(([offset, byte, time, payloadBytes, accepted]) => ({
        offset,
        byte,
        time,
        totals: { payloadBytes, accepted: new Map(accepted) },
      })),
    );
  }
}

type EncodedEntry = [number, number, number, number, [string, number][]];

/** Sums that records are added to, one by one. */
export class RunningTotals {
  payloadBytes: number;
  readonly accepted: Map<string, number>;

  constructor({ payloadBytes, accepted }: Totals) {
    this.payloadBytes = payloadBytes;
    this.accepted = new Map(accepted);
  }

  add(dataset: string, events: number, payloadBytes: number): void {
    this.payloadBytes += payloadBytes;
    if (events > 0) this.accepted.set(dataset, (this.accepted.get(dataset) ?? 0) + events);
  }

  /** As they are now. */
  copy(): Totals {
    return { payloadBytes: this.payloadBytes, accepted: new Map(this.accepted) };
  }
}

/** The file beside a segment that is sealed. It can be made again, so a disk too full for it is no reason to stop. */
export async function writeIndex(io: Io, folder: string, { header, index }: Indexed): Promise<void> {
  const path = indexPath(folder, header.first);
  const draft = `${path}.tmp`;
  try {
    await removeIfThere(io, draft);
    const file = await io.open(draft, 'create');
    try {
      // Not synced: its checksum tells a torn one.
      await file.write([index.encode()], 0);
    } finally {
      await file.close();
    }
    await io.rename(draft, path);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}

interface Indexed {
  readonly header: SegmentHeader;
  readonly index: SparseIndex;
}
