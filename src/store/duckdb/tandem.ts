import type { Dataset } from '../../event/dataset.ts';
import { systemClock } from '../../lib/clock.ts';
import type { WriteUnit } from '../driver.ts';
import { type CoresFree, WINDOW_MS_MIN } from './free-cores.ts';
import { LEVEL_HEAD } from './statements.ts';
import type { Head, UnitWriter, Written } from './unit-writer.ts';
import { hasRoom } from './wal-room.ts';

/** A third of what a unit costs is its commit, which compresses on one core. Smaller units commit in no time. */
const ROWS_MIN = 122_880;

/** A unit to come. */
interface Ahead {
  readonly unit: WriteUnit;
  readonly writer: UnitWriter;
  /** Ends the wait for a free core: the unit's turn has come, or it will not. */
  readonly waiting: AbortController;
  /** Resolves when nothing runs on its connection any more; false: the rows are not there. Null: it was not begun. */
  inserted: Promise<boolean> | null;
}

export interface TandemOptions {
  readonly datasets: ReadonlyMap<string, Dataset>;
  /** The write-ahead log. */
  readonly wal: string;
  readonly freeCores: CoresFree;
}

/**
 * Two writers that take turns under a backlog: while one commits a unit, the rows of the next are inserted in the other's
 * transaction, and when it has committed, those of the one after that in its own. That is a guess, which costs nothing but work:
 * only `write` commits, in its turn, and when the rows are not what the unit turns out to need, or anything else is the matter,
 * they are rolled back and the unit is written as if there had been none.
 */
export class Tandem {
  readonly #writers: readonly [UnitWriter, UnitWriter];
  readonly #options: TandemOptions;
  #current: UnitWriter;
  /** The write that goes on, until it has ended one way or the other. */
  #turn: PromiseWithResolvers<void> | null = null;
  /** In the order of their turns, one for each writer at most. */
  #aheads: readonly Ahead[] = [];
  /** Resolves when nothing is left of what was given up. */
  #dropped: Promise<void> = Promise.resolve();

  constructor(writers: readonly [UnitWriter, UnitWriter], options: TandemOptions) {
    this.#writers = writers;
    this.#options = options;
    this.#current = writers[0];
  }

  /** One transaction. */
  async write(unit: WriteUnit, head: Head): Promise<Written> {
    const turn = Promise.withResolvers<void>();
    this.#turn = turn;
    this.#options.freeCores.look();
    const ahead = this.#take(unit);
    for (const each of this.#aheads) this.#start(each);
    try {
      if (await ahead?.inserted) {
        const written = await this.#current.end(unit, head);
        if (written) return written;
      }
      if (ahead) await this.#current.session.rollback();
      await this.#dropped;
      return await this.#current.write(unit, head);
    } catch (error) {
      // Nothing, unless the rest of what was begun failed before it could be committed.
      await this.#current.session.rollback();
      throw error;
    } finally {
      this.#turn = null;
      turn.resolve();
    }
  }

  /** What was begun of this unit; null when it is not the one whose turn was to come, for then the guesses were wrong. */
  #take({ batches }: WriteUnit): Ahead | null {
    const [first, ...others] = this.#aheads;
    if (first?.unit.batches !== batches) {
      void this.drop();
      return null;
    }
    this.#aheads = others;
    this.#current = first.writer;
    first.waiting.abort();
    return first;
  }

  /** The unit whose turn comes after those that were prepared, or after the one that is being written. */
  prepare(unit: WriteUnit): void {
    if (this.#aheads.length === this.#writers.length) return;
    const before = this.#aheads.at(-1)?.writer ?? this.#current;
    const [one, other] = this.#writers;
    const writer = before === one ? other : one;
    const ahead = { unit, writer, waiting: new AbortController(), inserted: null };
    // Its place is kept in any case: the turns of those behind it come later.
    this.#aheads = [...this.#aheads, ahead];
    this.#start(ahead);
  }

  /** Begins with a unit to come, but only beside a write: whatever else is done counts on no transaction being open. */
  #start(ahead: Ahead): void {
    const { unit, writer, waiting } = ahead;
    if (this.#turn === null || ahead.inserted || !this.#isForeseen(unit)) return;
    ahead.inserted = this.#insert(writer, unit, waiting.signal).catch(() => false);
  }

  /** Gives up what was prepared: no transaction is open after it. Whatever is done beside writing units comes after it. */
  drop(): Promise<void> {
    const aheads = this.#aheads;
    this.#aheads = [];
    for (const { waiting } of aheads) waiting.abort();
    this.#dropped = this.#dropped.then(async () => {
      for (const { inserted, writer } of aheads) {
        await inserted;
        await writer.session.rollback();
      }
    });
    return this.#dropped;
  }

  async close(): Promise<void> {
    await this.drop();
    const [first, second] = this.#writers;
    await first.session.run(LEVEL_HEAD).catch(() => {});
    for (const { session } of [first, second]) session.close();
  }

  async #insert(writer: UnitWriter, unit: WriteUnit, signal: AbortSignal): Promise<boolean> {
    const { wal, freeCores } = this.#options;
    const turn = this.#turn;
    await this.#dropped;
    if (writer === this.#current) await turn?.promise;
    // Intake may come to an end while the unit before is written.
    while (!signal.aborted && !freeCores.areFree()) await systemClock.sleep(WINDOW_MS_MIN, signal);
    if (signal.aborted) return false;
    if (!(await hasRoom(wal)) || signal.aborted) return false;
    await writer.begin(unit);
    return true;
  }

  /** Do its rows depend on nothing that the unit before it may change? */
  #isForeseen({ batches }: WriteUnit): boolean {
    let rows = 0;
    for (const { batch, position, dead } of batches) {
      const { ids, replays, discards, rejects } = batch;
      if (position === null || dead.size > 0 || ids !== null || replays !== null) return false;
      if (discards.length > 0 || rejects.length > 0) return false;
      if (this.#options.datasets.get(batch.dataset)?.mode !== 'append') return false;
      rows += batch.count;
    }
    return rows >= ROWS_MIN;
  }
}
