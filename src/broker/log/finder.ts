import { uuidTimeMs } from '../../event/ids.ts';
import type { SegmentCursor } from './cursor.ts';
import type { Place, SegmentFolder } from './folder.ts';
import type { Group } from './group.ts';
import { isOfTransaction, uuidBytes } from './record.ts';

/** Transactions remembered, newest first: some seconds at full rate, which is how long an event waits for the store. */
const RECENT_MAX = 50_000;
/** How far the time of a record may lie from that of its transaction: first the usual, then the worst request. */
const SLACKS_MS = [1_000, 30_000] as const;

/**
 * Where the records of a transaction lie. Recent ones are remembered; a UUIDv7 says when it was made, which the sparse
 * index turns into a place; what else is not in the store yet is searched from end to end.
 */
export class Finder {
  readonly #folder: SegmentFolder;
  /** Offsets by transaction, complete for every offset from `#since` on. */
  readonly #recent = new Map<string, number[]>();
  #since: number;

  constructor(folder: SegmentFolder) {
    this.#folder = folder;
    this.#since = folder.end.current.offset + 1;
  }

  note({ first, messages }: Group): void {
    messages.forEach(({ transactionId }, n) => {
      const offsets = this.#recent.get(transactionId);
      if (offsets) offsets.push(first + n);
      else this.#recent.set(transactionId, [first + n]);
    });
    for (const [transactionId, offsets] of this.#recent) {
      if (this.#recent.size <= RECENT_MAX) break;
      this.#recent.delete(transactionId);
      this.#since = Math.max(this.#since, (offsets.at(-1) ?? 0) + 1);
    }
  }

  /** @param acked what lies after it may not be in the store yet */
  async find(transactionId: string, acked: number): Promise<readonly Place[]> {
    const id = uuidBytes(transactionId);
    if (id === null) return [];
    const since = this.#since;
    const recent = await this.#places(this.#recent.get(transactionId) ?? []);
    const older = (await this.#byTime(transactionId, id)) ?? (await this.#between(id, acked + 1, since));
    const places = new Map([...older, ...recent].map((place) => [place.offset, place]));
    return [...places.values()].sort((a, b) => a.offset - b.offset);
  }

  /** Null when the id has no time, or nothing lies there. */
  async #byTime(transactionId: string, id: Buffer): Promise<readonly Place[] | null> {
    const time = uuidTimeMs(transactionId);
    if (time === null) return null;
    // Made at one time, published at one time; a keyed transaction may come again at any.
    if (this.#recent.has(transactionId)) return [];
    for (const slack of SLACKS_MS) {
      const places = await this.#window(id, time - slack, time + slack);
      if (places.length > 0) return places;
    }
    return null;
  }

  /** Strides of the index whose times touch the window. */
  async #window(id: Buffer, from: number, to: number): Promise<Place[]> {
    const places: Place[] = [];
    const firsts = await this.#folder.firsts();
    for (const [n, first] of firsts.entries()) {
      const next = firsts[n + 1];
      if ((await this.#folder.header(first)).time > to) break;
      if (next !== undefined && (await this.#folder.header(next)).time < from) continue;
      const { entries } = await this.#folder.index(first);
      const begin = entries.findLast((entry) => entry.time <= from) ?? entries[0];
      const end = entries.find((entry) => entry.time > to);
      if (begin) places.push(...(await this.#scan(id, first, { ...begin, until: end?.offset ?? Infinity })));
    }
    return places;
  }

  async #between(id: Buffer, from: number, to: number): Promise<Place[]> {
    const places: Place[] = [];
    const firsts = await this.#folder.firsts();
    for (const [n, first] of firsts.entries()) {
      if (first >= to || (firsts[n + 1] ?? Infinity) <= from) continue;
      const entry = (await this.#folder.index(first)).at(from);
      places.push(...(await this.#scan(id, first, { ...entry, until: to })));
    }
    return places.filter(({ offset }) => offset >= from);
  }

  async #scan(id: Buffer, segment: number, range: Range): Promise<Place[]> {
    const places: Place[] = [];
    await this.#folder.scan(segment, range, ({ buffer, at, byte, offset }: SegmentCursor) => {
      if (offset >= range.until) return false;
      if (isOfTransaction(buffer, at, id)) places.push({ segment, byte, offset });
      return true;
    });
    return places;
  }

  async #places(offsets: readonly number[]): Promise<Place[]> {
    const places: Place[] = [];
    for (const wanted of offsets) {
      const segment = await this.#folder.segmentOf(wanted);
      const entry = (await this.#folder.index(segment)).at(wanted);
      await this.#folder.scan(segment, entry, ({ byte, offset }) => {
        if (offset === wanted) places.push({ segment, byte, offset });
        return offset < wanted;
      });
    }
    return places;
  }
}

interface Range {
  readonly byte: number;
  readonly offset: number;
  /** Offset before which it stops. */
  readonly until: number;
}
