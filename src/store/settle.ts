import type { Position } from '../broker/driver.ts';
import { acceptedCount, type Batch, type DeadStage } from '../event/batch.ts';
import type { Dataset } from '../event/dataset.ts';
import { deadLetterId, eventIdAt, isKeyedTransaction } from '../event/ids.ts';
import type { Counts } from '../event/outcome.ts';
import type { DeadReason, UnitBatch, WriteUnit } from './driver.ts';

/**
 * Decides the outcome of every event of a unit, before anything is written, from what the store knows already.
 * Every store shares this, so none can count differently; a driver only looks up and writes down.
 */
export interface Known {
  readonly datasets: ReadonlyMap<string, Dataset>;
  /** Does the stored progress cover this batch (its position, or its id)? */
  readonly covers: (entry: UnitBatch) => boolean;
  /** By dataset: client id → when it was received last, ms. Only ids of this unit need be in it. */
  readonly ids: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Those letters that `lookupsOf` asks for and the store has, by id: is it open (`dead`)? */
  readonly letters: ReadonlyMap<string, boolean>;
}

export interface Letter {
  readonly id: string;
  readonly dataset: string;
  readonly transactionId: string;
  readonly eventId: string | null;
  readonly row: number;
  readonly stage: DeadStage;
  readonly code: string;
  readonly message: string;
  readonly path: string;
  readonly receivedAt: number;
  readonly original: Buffer;
}

export interface SettledBatch {
  readonly batch: Batch;
  readonly counts: Counts;
  /** Lines (from 0) that become rows; null: all of them. */
  readonly kept: readonly number[] | null;
}

export interface Settled {
  /** One a batch of the unit; null: covered before. */
  readonly results: readonly (Counts | null)[];
  /** The batches not covered, in order. */
  readonly batches: readonly SettledBatch[];
  /** By dataset: client ids to remember, with the time they were received. */
  readonly ids: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly lettersAdded: readonly Letter[];
  /** Replayed: to be removed. */
  readonly lettersGone: readonly string[];
  /** Replayed in vain: the letter stays, with the new reason. */
  readonly lettersChanged: ReadonlyMap<string, DeadReason>;
  /** Id → why. */
  readonly lettersDiscarded: ReadonlyMap<string, string>;
  /** What the unit adds to the ledger, by dataset. */
  readonly counts: ReadonlyMap<string, Counts>;
  /** Last position of each stream in the unit. */
  readonly progress: readonly Position[];
  /** Ids of batches without a position. */
  readonly batchIds: readonly string[];
}

/** What a driver must look up for `settle`. */
export function lookupsOf(unit: WriteUnit, covers: Known['covers']) {
  const ids = new Map<string, Set<string>>();
  const letters = new Set<string>();
  const want = (dataset: string, some: Iterable<string>) => {
    const wanted = ids.get(dataset) ?? new Set<string>();
    for (const id of some) wanted.add(id);
    ids.set(dataset, wanted);
  };
  for (const entry of unit.batches) {
    if (isPlain(entry) || covers(entry)) continue;
    const { batch, dead } = entry;
    if (batch.ids) want(batch.dataset, batch.ids);
    for (const id of batch.replays ?? []) letters.add(id);
    for (const { id } of batch.discards) letters.add(id);
    // Only a transaction with a key can come again, with the rows that were refused before.
    if (!isKeyedTransaction(batch.transactionId)) continue;
    for (const { id } of batch.rejects) letters.add(id);
    for (const line of dead.keys()) letters.add(deadLetterId(batch.transactionId, rowOf(batch, line)));
    const refused = batch.rejects.flatMap(({ eventId }) => eventId ?? []);
    if (refused.length > 0) want(batch.dataset, refused);
  }
  return { ids, letters };
}

/** Every line of it is stored, whatever the store knows. Of thousands in a unit nearly all are. */
function isPlain({ batch, dead }: UnitBatch): boolean {
  const { ids, replays, rejects, discards } = batch;
  return ids === null && replays === null && dead.size === 0 && rejects.length === 0 && discards.length === 0;
}

/** Row in the request of a line, from 1. */
function rowOf(batch: Batch, line: number): number {
  return batch.rows?.[line] ?? line + 1;
}

export const NO_COUNTS: Counts = Object.freeze({ accepted: 0, stored: 0, duplicate: 0, dead: 0 });

/** One object for all single events. */
const ONE_STORED: Counts = Object.freeze(allStored(1));

function allStored(count: number): Counts {
  return { accepted: count, stored: count, duplicate: 0, dead: 0 };
}

export function addCounts(a: Counts, b: Counts): Counts {
  return {
    accepted: a.accepted + b.accepted,
    stored: a.stored + b.stored,
    duplicate: a.duplicate + b.duplicate,
    dead: a.dead + b.dead,
  };
}

export function settle(unit: WriteUnit, known: Known): Settled {
  return new Settling(known).run(unit);
}

type Tally = { -readonly [Name in keyof Counts]: Counts[Name] };

type LineFate = 'stored' | 'duplicate' | 'dead' | 'nothing';

class Settling {
  readonly #known: Known;
  readonly #open: Set<string>;
  readonly #ids = new Map<string, Map<string, number>>();
  readonly #added = new Map<string, Letter>();
  readonly #gone: string[] = [];
  readonly #changed = new Map<string, DeadReason>();
  readonly #discarded = new Map<string, string>();
  readonly #counts = new Map<string, Tally>();
  readonly #positions = new Map<string, Position>();
  readonly #batchIds = new Set<string>();

  constructor(known: Known) {
    this.#known = known;
    this.#open = new Set([...known.letters].flatMap(([id, open]) => (open ? id : [])));
  }

  run(unit: WriteUnit): Settled {
    const batches: SettledBatch[] = [];
    const results = unit.batches.map((entry) => {
      if (this.#covers(entry)) return null;
      const settled = this.#batch(entry);
      batches.push(settled);
      this.#count(settled);
      return settled.counts;
    });
    return {
      results,
      batches,
      ids: this.#ids,
      lettersAdded: [...this.#added.values()],
      lettersGone: this.#gone,
      lettersChanged: this.#changed,
      lettersDiscarded: this.#discarded,
      counts: this.#counts,
      progress: [...this.#positions.values()],
      batchIds: [...this.#batchIds],
    };
  }

  #count({ batch, counts }: SettledBatch): void {
    let tally = this.#counts.get(batch.dataset);
    if (!tally) {
      tally = { ...NO_COUNTS };
      this.#counts.set(batch.dataset, tally);
    }
    tally.accepted += counts.accepted;
    tally.stored += counts.stored;
    tally.duplicate += counts.duplicate;
    tally.dead += counts.dead;
  }

  /** A batch may also stand twice in one unit. */
  #covers(entry: UnitBatch): boolean {
    if (this.#known.covers(entry)) return true;
    const { position, batch } = entry;
    if (position === null) {
      if (this.#batchIds.has(batch.id)) return true;
      this.#batchIds.add(batch.id);
      return false;
    }
    if ((this.#positions.get(position.stream)?.offset ?? 0) >= position.offset) return true;
    this.#positions.set(position.stream, position);
    return false;
  }

  #batch(entry: UnitBatch): SettledBatch {
    const { batch } = entry;
    if (isPlain(entry)) return { batch, kept: null, counts: batch.count === 1 ? ONE_STORED : allStored(batch.count) };
    const { stored, ...lines } = this.#lines(entry);
    for (const { id, reason } of batch.discards) if (this.#open.delete(id)) this.#discard(id, reason);
    const refused = this.#rejects(batch);
    const duplicate = lines.duplicate + refused.duplicate;
    const dead = batch.replays ? 0 - stored.length - duplicate : lines.dead + refused.dead;
    const counts = { accepted: acceptedCount(batch), stored: stored.length, duplicate, dead };
    return { batch, kept: stored.length === batch.count ? null : stored, counts };
  }

  #rejects(batch: Batch): Pick<Counts, 'duplicate' | 'dead'> {
    let dead = 0;
    for (const reject of batch.rejects) {
      if (this.#isRepeated(batch, reject)) continue;
      this.#add({ ...this.#letterOf(batch), ...reject, stage: 'intake' });
      dead += 1;
    }
    return { duplicate: batch.rejects.length - dead, dead };
  }

  /**
   * Was this row of the same transaction refused before? Then its letter is there, or it was replayed since and its id is
   * remembered. Otherwise each retry of a batch would bring its dead letters once more.
   */
  #isRepeated(batch: Batch, { id, eventId }: Pick<Letter, 'id' | 'eventId'>): boolean {
    if (!isKeyedTransaction(batch.transactionId)) return false;
    if (this.#known.letters.has(id) || this.#added.has(id)) return true;
    return eventId !== null && this.#isRemembered(batch, eventId);
  }

  #lines(entry: UnitBatch) {
    const stored: number[] = [];
    let duplicate = 0;
    let dead = 0;
    for (let line = 0; line < entry.batch.count; line += 1) {
      const fate = this.#line(entry, line);
      if (fate === 'stored') stored.push(line);
      else if (fate === 'duplicate') duplicate += 1;
      else if (fate === 'dead') dead += 1;
    }
    return { stored, duplicate, dead };
  }

  #line({ batch, dead }: UnitBatch, line: number): LineFate {
    const letter = batch.replays?.[line];
    // A second replay of one letter, or one of a letter that is closed, does nothing and counts nothing.
    if (letter !== undefined && !this.#open.has(letter)) return 'nothing';
    const reason = dead.get(line);
    if (reason) {
      if (letter === undefined) return this.#bury(batch, line, reason);
      this.#changed.set(letter, reason);
      return 'dead';
    }
    if (letter !== undefined) this.#close(letter);
    const id = batch.ids?.[line];
    if (id === undefined) return 'stored';
    return this.#remember(batch, id) ? 'stored' : 'duplicate';
  }

  /** False when the id was received within the dedupe window. Time is the batches' own, so a rebuild decides the same. */
  #remember(batch: Batch, id: string): boolean {
    if (this.#isRemembered(batch, id)) return false;
    const ids = this.#ids.get(batch.dataset) ?? new Map<string, number>();
    this.#ids.set(batch.dataset, ids);
    ids.set(id, batch.receivedAt);
    return true;
  }

  #isRemembered({ dataset, receivedAt }: Batch, id: string): boolean {
    const seen = this.#ids.get(dataset)?.get(id) ?? this.#known.ids.get(dataset)?.get(id);
    const windowMs = this.#known.datasets.get(dataset)?.dedupeWindowMs ?? 0;
    return seen !== undefined && receivedAt - seen < windowMs;
  }

  #bury(batch: Batch, line: number, reason: DeadReason): LineFate {
    const row = rowOf(batch, line);
    const id = deadLetterId(batch.transactionId, row);
    const eventId = batch.ids?.[line] ?? eventIdAt(batch.transactionId, line);
    if (this.#isRepeated(batch, { id, eventId })) return 'duplicate';
    this.#add({ ...this.#letterOf(batch), ...reason, id, row, eventId, original: lineAt(batch.lines, line) });
    return 'dead';
  }

  #letterOf(batch: Batch) {
    return { dataset: batch.dataset, transactionId: batch.transactionId, receivedAt: batch.receivedAt };
  }

  #add(letter: Letter): void {
    this.#added.set(letter.id, letter);
    this.#open.add(letter.id);
  }

  #close(id: string): void {
    this.#open.delete(id);
    this.#changed.delete(id);
    if (!this.#added.delete(id)) this.#gone.push(id);
  }

  #discard(id: string, reason: string): void {
    this.#discarded.set(id, reason);
  }
}

/** The n-th line (from 0), without its `\n`. */
export function lineAt(lines: Buffer, line: number): Buffer {
  let start = 0;
  for (let i = 0; i < line; i += 1) start = lines.indexOf(0x0a, start) + 1;
  const end = lines.indexOf(0x0a, start);
  return lines.subarray(start, end < 0 ? lines.length : end);
}

/** All lines, without their `\n`. */
export function linesOf(lines: Buffer): Buffer[] {
  const found: Buffer[] = [];
  let start = 0;
  while (start < lines.length) {
    const end = lines.indexOf(0x0a, start);
    const stop = end < 0 ? lines.length : end;
    found.push(lines.subarray(start, stop));
    start = stop + 1;
  }
  return found;
}
