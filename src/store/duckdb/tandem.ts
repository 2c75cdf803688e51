import { stat } from 'node:fs/promises';
import type { Dataset } from '../../event/dataset.ts';
import { systemClock } from '../../lib/clock.ts';
import type { UnitBatch, WriteUnit } from '../driver.ts';
import { type CoresFree, WINDOW_MS_MIN } from './free-cores.ts';
import { LEVEL_HEAD } from './statements.ts';
import type { Head, UnitWriter, Written } from './unit-writer.ts';

/** A third of what a unit costs is its commit, which compresses on one core. Smaller units commit in no time. */
const ROWS_MIN = 122_880;
/**
 * No checkpoint can be made beside an open transaction, so the write-ahead log must not grow for the sake of this. What goes in
 * turns goes past it; this is what the smaller units at the beginning of a backlog leave, and half of where the engine folds.
 */
const WAL_BYTES_MAX = 128 * 1024 * 1024;

interface Ahead {
  readonly batches: readonly UnitBatch[];
  readonly writer: UnitWriter;
  /** Ends the wait for a free core: the unit's turn has come, or it will not. */
  readonly waiting: AbortController;
  /** Resolves when nothing runs on its connection any more; false: the rows are not there. */
  readonly inserted: Promise<boolean>;
}

export interface TandemOptions {
  readonly datasets: ReadonlyMap<string, Dataset>;
  /** The write-ahead log. */
  readonly wal: string;
  readonly freeCores: CoresFree;
}

/**
 * Two writers that take turns under a backlog: while one commits a unit, the rows of the next are inserted in the other's
 * transaction. That is a guess, which costs nothing but work: only `write` commits, in its turn, and when the rows are not what the
 * unit turns out to need, or anything else is the matter, they are rolled back and the unit is written as if there had been none.
 */
export class Tandem {
  readonly #writers: readonly [UnitWriter, UnitWriter];
  readonly #options: TandemOptions;
  #current: UnitWriter;
  #writing = false;
  #ahead: Ahead | null = null;

  constructor(writers: readonly [UnitWriter, UnitWriter], options: TandemOptions) {
    this.#writers = writers;
    this.#options = options;
    this.#current = writers[0];
  }

  /** One transaction. */
  async write(unit: WriteUnit, head: Head): Promise<Written> {
    const ahead = this.#ahead;
    this.#ahead = null;
    this.#current = ahead?.writer ?? this.#current;
    this.#writing = true;
    this.#options.freeCores.look();
    try {
      ahead?.waiting.abort();
      const inserted = await ahead?.inserted;
      if (inserted && ahead?.batches === unit.batches) {
        const written = await this.#current.end(unit, head);
        if (written) return written;
      }
      if (ahead) await ahead.writer.session.rollback();
      return await this.#current.write(unit, head);
    } catch (error) {
      // Nothing, unless the rest of what was begun failed before it could be committed.
      await this.#current.session.rollback();
      throw error;
    } finally {
      this.#writing = false;
    }
  }

  /** The unit that will be written after the one that is being written now. */
  prepare(unit: WriteUnit): void {
    if (!this.#writing || this.#ahead || !this.#isForeseen(unit)) return;
    const [first, second] = this.#writers;
    const writer = this.#current === first ? second : first;
    const waiting = new AbortController();
    const inserted = this.#insert(writer, unit, waiting.signal).catch(() => false);
    this.#ahead = { batches: unit.batches, writer, waiting, inserted };
  }

  /** Gives up what was prepared: no transaction is open after it. Whatever is done beside writing units comes after it. */
  async drop(): Promise<void> {
    const ahead = this.#ahead;
    if (!ahead) return;
    ahead.waiting.abort();
    await ahead.inserted;
    await ahead.writer.session.rollback();
    if (this.#ahead === ahead) this.#ahead = null;
  }

  async close(): Promise<void> {
    await this.drop();
    const [first, second] = this.#writers;
    await first.session.run(LEVEL_HEAD).catch(() => {});
    for (const { session } of [first, second]) session.close();
  }

  async #insert(writer: UnitWriter, unit: WriteUnit, signal: AbortSignal): Promise<boolean> {
    const { wal, freeCores } = this.#options;
    // Intake may come to an end while the unit before is written.
    while (!freeCores.areFree()) {
      await systemClock.sleep(WINDOW_MS_MIN, signal);
      if (signal.aborted) return false;
    }
    const { size } = await stat(wal).catch(() => ({ size: 0 }));
    if (size > WAL_BYTES_MAX || signal.aborted) return false;
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
