import type { Message } from '../../event/batch.ts';
import { UUID_BYTES, uuidTimeMs } from '../../event/ids.ts';
import type { SegmentCursor } from './cursor.ts';
import type { Place, SegmentFolder } from './folder.ts';
import type { Group } from './group.ts';
import { isOfTransaction, uuidBytes } from './record.ts';

/** Records remembered: some seconds at full rate, which is how long an event waits for the store. */
const RECENT_MAX = 65_536;
/** Records that are walked over rather than begin a walk anew: about a stride of the index. */
const NEAR_RECORDS = 1_000;
/** How far the time of a record may lie from that of its transaction: first the usual, then the worst request. */
const SLACKS_MS = [1_000, 30_000] as const;

/**
 * Where the records of a transaction lie. Recent ones are remembered; a UUIDv7 says when it was made, which the sparse
 * index turns into a place; what else is not in the store yet is searched from end to end.
 */
export class Finder {
  readonly #folder: SegmentFolder;
  /**
   * The end of the transaction's id of each record remembered, at its offset modulo the size. A map of ids would be kept
   * alive for seconds, and cost the collector more than all else in intake.
   */
  readonly #tails = new Uint32Array(RECENT_MAX);
  /** Offsets from here up to `#next` are remembered. */
  #since: number;
  #next: number;

  constructor(folder: SegmentFolder) {
    this.#folder = folder;
    this.#since = folder.end.current.offset + 1;
    this.#next = this.#since;
  }

  /** Groups come in order, without a gap. */
  note({ first, messages }: Group): void {
    for (const [n, message] of messages.entries()) this.#tails[(first + n) % RECENT_MAX] = tailOfTransaction(message);
    this.#next = first + messages.length;
    this.#since = Math.max(this.#since, this.#next - RECENT_MAX);
  }

  /**
   * All records of a transaction of which one may not be in the store yet. Of one that surely is there, any of them or none:
   * a search for what is not there reads a minute of the log.
   * @param acked what lies after it may not be in the store yet
   */
  async find(transactionId: string, acked: number): Promise<readonly Place[]> {
    const id = uuidBytes(transactionId);
    if (id === null) return [];
    const since = this.#since;
    const recent = await this.#places(this.#recent(transactionId), id);
    const time = uuidTimeMs(transactionId);
    // Made at one time, published at one time; a keyed transaction may come again at any.
    if (time !== null && recent.length > 0) return recent;
    // All that may wait is remembered: of the rest the store knows, or nobody does.
    if (since <= acked + 1) return recent;
    const older = (await this.#byTime(time, id)) ?? (await this.#between(id, acked + 1, since));
    const places = new Map([...older, ...recent].map((place) => [place.offset, place]));
    return [...places.values()].sort((a, b) => a.offset - b.offset);
  }

  /** Offsets of records remembered that may be of the transaction. */
  #recent(transactionId: string): number[] {
    const tail = tailOf(transactionId);
    const offsets: number[] = [];
    for (let offset = this.#since; offset < this.#next; offset += 1) {
      if (this.#tails[offset % RECENT_MAX] === tail) offsets.push(offset);
    }
    return offsets;
  }

  /** Null when the id has no time, or nothing lies there. */
  async #byTime(time: number | null, id: Buffer): Promise<readonly Place[] | null> {
    if (time === null) return null;
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

  /** Of the records at these offsets, in order, those of the transaction. One walk finds all that lie near each other. */
  async #places(offsets: readonly number[], id: Buffer): Promise<Place[]> {
    const places: Place[] = [];
    let found = 0;
    for (let wanted = offsets[found]; wanted !== undefined; wanted = offsets[found]) {
      const first: number = wanted;
      let next: number | undefined = first;
      const segment = await this.#folder.segmentOf(first);
      const entry = (await this.#folder.index(segment)).at(first);
      await this.#folder.scan(segment, entry, ({ buffer, at, byte, offset }) => {
        if (offset < first) return true;
        if (offset === next) {
          if (isOfTransaction(buffer, at, id)) places.push({ segment, byte, offset });
          found += 1;
          next = offsets[found];
        }
        return next !== undefined && next - offset < NEAR_RECORDS;
      });
      // The walk ended before it: it is not in this segment any more.
      if (next === first) found += 1;
    }
    return places;
  }
}

/** As `tailOf`, of the message's transaction. */
function tailOfTransaction(message: Message): number {
  const { uuids } = message;
  return uuids ? uuids.bytes.readUInt32BE(uuids.at + 2 * UUID_BYTES - 4) : tailOf(message.transactionId);
}

/** The last 32 bits of a UUID: random in every version that Azud makes. */
function tailOf(transactionId: string): number {
  return Number.parseInt(transactionId.slice(28), 16);
}

interface Range {
  readonly byte: number;
  readonly offset: number;
  /** Offset before which it stops. */
  readonly until: number;
}
