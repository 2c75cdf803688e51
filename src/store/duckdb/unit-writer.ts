import type { Position, Progress } from '../../broker/driver.ts';
import { linesSpanOf } from '../../event/batch.ts';
import type { Dataset } from '../../event/dataset.ts';
import type { Counts } from '../../event/outcome.ts';
import { lengthOf } from '../../event/span.ts';
import type { UnitBatch, WriteUnit } from '../driver.ts';
import { addCounts, lookupsOf, NO_COUNTS, type Settled, settle } from '../settle.ts';
import { arePlain } from './plain-numbers.ts';
import { type RowsOf, RowTexts } from './row-texts.ts';
import type { Session } from './session.ts';
import * as SQL from './statements.ts';
import { TransactionTexts } from './transaction-texts.ts';
import type { Widths } from './widths.ts';

/** What `_head` holds, written with every unit. */
export interface Head {
  /** Of the unit that wrote it, counted up. */
  readonly turn: number;
  /** By stream. */
  readonly positions: ReadonlyMap<string, Position>;
  readonly counts: ReadonlyMap<string, Counts>;
  readonly lastReceivedAt: number;
  readonly carried: ReadonlyMap<string, number>;
}

export async function readHead(session: Session): Promise<Head> {
  const rows = (await session.run(SQL.READ_HEAD)).map(([row]) => JSON.parse(String(row)) as HeadRow);
  const {
    turn = 0,
    progress,
    counts,
    last_received_ms,
    carried = '{}',
  } = rows.reduce((last, row) => ((row.turn ?? 0) > (last.turn ?? 0) ? row : last));
  return {
    turn,
    positions: byStream(JSON.parse(progress) as Progress),
    counts: new Map(Object.entries(JSON.parse(counts) as Record<string, Counts>)),
    lastReceivedAt: last_received_ms,
    carried: new Map(Object.entries(JSON.parse(carried) as Record<string, number>)),
  };
}

interface HeadRow {
  readonly turn?: number;
  readonly progress: string;
  readonly counts: string;
  readonly last_received_ms: number;
  readonly carried?: string;
}

export interface Written {
  readonly results: Settled['results'];
  readonly head: Head;
}

export function progressOf({ positions }: Head): Progress {
  return [...positions.values()];
}

function byStream(positions: Progress): ReadonlyMap<string, Position> {
  return new Map(positions.map((position) => [position.stream, position]));
}

export interface UnitWriterOptions {
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly widths: Widths;
  /** The row of `_head` that is this one's to write. */
  readonly number: 0 | 1;
}

/** Writes units on a connection that writes. */
export class UnitWriter {
  readonly session: Session;
  readonly #datasets: ReadonlyMap<string, Dataset>;
  readonly #widths: Widths;
  readonly #number: number;
  readonly #texts = new RowTexts();
  readonly #transactions = new TransactionTexts();
  /** By dataset, and the number of its columns that were wide then. */
  readonly #planned = new Map<string, { readonly wide: number; readonly statements: SQL.RowStatements }>();

  constructor(session: Session, { datasets, widths, number }: UnitWriterOptions) {
    this.session = session;
    this.#datasets = datasets;
    this.#widths = widths;
    this.#number = number;
  }

  /** Makes columns wider where an integer of the unit needs it; false when that is not what is wrong with the unit. */
  async widen({ batches }: WriteUnit): Promise<boolean> {
    let widened = false;
    for (const [name, entries] of Map.groupBy(batches, ({ batch }) => batch.dataset)) {
      const dataset = this.#datasets.get(name);
      if (!dataset) continue;
      const lines = Buffer.concat(entries.map(({ batch }) => batch.lines));
      if (await this.#widths.fit(this.session, dataset, lines)) widened = true;
    }
    return widened;
  }

  /** The unit in one transaction. */
  write(unit: WriteUnit, head: Head): Promise<Written> {
    return this.session.transaction(async () => {
      const settled = await this.#settle(unit, head);
      await this.#insertAll(settled.batches);
      return this.#finish(settled, head);
    });
  }

  /** Begins the transaction of a unit with its rows, as long as nothing that is not known yet has a say in which those are. */
  async begin({ batches }: WriteUnit): Promise<void> {
    await this.session.begin();
    await this.#insertAll(batches.map(({ batch }) => ({ batch, kept: null })));
  }

  /** Ends what `begin` began. @returns null, and nothing is written: its rows were not those of the unit */
  async end(unit: WriteUnit, head: Head): Promise<Written | null> {
    const settled = await this.#settle(unit, head);
    const foreseen =
      settled.batches.length === unit.batches.length && settled.batches.every(({ kept }) => kept === null);
    if (foreseen) return this.session.commit(() => this.#finish(settled, head));
    await this.session.rollback();
    return null;
  }

  async #finish(settled: Settled, head: Head): Promise<Written> {
    if (settled.batches.length === 0) return { results: settled.results, head };
    await this.session.runPlanned(SQL.INSERT_TRANSACTIONS, this.#transactions.of(settled.batches));
    await this.#keepIds(settled);
    await this.#keepLetters(settled);
    const next = advance(head, settled);
    await this.session.run(SQL.UPDATE_HEAD, [
      JSON.stringify(progressOf(next)),
      JSON.stringify(Object.fromEntries(next.counts)),
      String(next.lastReceivedAt),
      String(next.turn),
      String(this.#number),
    ]);
    return { results: settled.results, head: next };
  }

  #plan(dataset: Dataset): SQL.RowStatements {
    const wide = this.#widths.wide(dataset.name);
    const known = this.#planned.get(dataset.name);
    if (known?.wide === wide.size) return known.statements;
    const statements = SQL.rowStatements(dataset, wide);
    this.#planned.set(dataset.name, { wide: wide.size, statements });
    return statements;
  }

  /** Looks up what the store knows about the unit, and decides. */
  async #settle(unit: WriteUnit, { positions }: Head): Promise<Settled> {
    const unplaced = unit.batches.filter(({ position }) => position === null).map(({ batch }) => batch.id);
    const written = new Set(await this.#textsOf(SQL.KNOWN_BATCHES, unplaced));
    const covers = ({ position, batch }: UnitBatch) =>
      position === null ? written.has(batch.id) : (positions.get(position.stream)?.offset ?? 0) >= position.offset;
    const wanted = lookupsOf(unit, covers);
    const ids = new Map<string, Map<string, number>>();
    for (const [dataset, texts] of wanted.ids) {
      const found = await this.session.run(SQL.idStatements(dataset).lookup, [[...texts].join('\n')]);
      ids.set(dataset, new Map(found.map(([id, ms]) => [String(id), Number(ms)])));
    }
    return settle(unit, { datasets: this.#datasets, covers, ids, letters: await this.#lettersOf(wanted.letters) });
  }

  async #lettersOf(ids: ReadonlySet<string>): Promise<Map<string, boolean>> {
    if (ids.size === 0) return new Map();
    const found = await this.session.run(SQL.KNOWN_LETTERS, [[...ids].join('\n')]);
    return new Map(found.map(([id, state]) => [String(id), state === 'dead']));
  }

  async #textsOf(sql: string, texts: readonly string[]): Promise<string[]> {
    if (texts.length === 0) return [];
    return (await this.session.run(sql, [texts.join('\n')])).map(([text]) => String(text));
  }

  async #insertAll(batches: readonly RowsOf[]): Promise<void> {
    for (const [name, some] of Map.groupBy(batches, ({ batch }) => batch.dataset)) await this.#insertRows(name, some);
  }

  async #insertRows(name: string, batches: readonly RowsOf[]): Promise<void> {
    const dataset = this.#datasets.get(name);
    const filled = batches.filter(({ batch, kept }) => (kept?.length ?? batch.count) > 0);
    if (!dataset || filled.length === 0) return;
    const statements = this.#plan(dataset);
    const [texts = '', ...rest] = statements.insert;
    // The latest of each key is looked for in the whole unit; what is only appended goes in by pieces.
    const pieces = dataset.mode === 'append' ? piecesOf(filled) : [filled];
    for (const piece of pieces) {
      const first = arePlain(piece, statements.numbers) ? statements.plain : texts;
      await this.session.runPlanned(first, await this.#texts.of(piece, dataset, statements.texts));
    }
    for (const sql of rest) await this.session.run(sql);
  }

  async #keepIds(settled: Settled): Promise<void> {
    for (const [dataset, ids] of settled.ids) {
      if (ids.size === 0) continue;
      await this.session.run(SQL.idStatements(dataset).insert, [
        [...ids.keys()].join('\n'),
        [...ids.values()].join('\n'),
      ]);
    }
    if (settled.batchIds.length === 0) return;
    const times = new Map(settled.batches.map(({ batch }) => [batch.id, batch.receivedAt]));
    await this.session.run(SQL.INSERT_BATCHES, [
      settled.batchIds.join('\n'),
      settled.batchIds.map((id) => times.get(id) ?? 0).join('\n'),
    ]);
  }

  async #keepLetters(settled: Settled): Promise<void> {
    const letters = settled.lettersAdded.map((letter) => ({
      id: letter.id,
      dataset: letter.dataset,
      transaction_id: letter.transactionId,
      event_id: letter.eventId,
      row: letter.row,
      stage: letter.stage,
      code: letter.code,
      message: letter.message,
      path: letter.path,
      ms: letter.receivedAt,
      original: letter.original.toString('base64'),
    }));
    if (letters.length > 0) await this.session.run(SQL.INSERT_LETTERS, [JSON.stringify(letters)]);
    for (const [id, { stage, code, message, path }] of settled.lettersChanged) {
      await this.session.run(SQL.CHANGE_LETTER, [id, stage, code, message, path]);
    }
    if (settled.lettersGone.length > 0) await this.session.run(SQL.DELETE_LETTERS, [settled.lettersGone.join('\n')]);
    for (const [id, reason] of settled.lettersDiscarded) await this.session.run(SQL.DISCARD_LETTER, [id, reason]);
  }
}

/** Lines that are with the engine at a time, a batch at least: it holds several copies of what it splits. */
const PIECE_BYTES = 8 * 1024 * 1024;

function piecesOf(batches: readonly RowsOf[]): RowsOf[][] {
  const pieces: RowsOf[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const settled of batches) {
    const length = lengthOf(linesSpanOf(settled.batch));
    bytes += length;
    if (bytes > PIECE_BYTES) {
      pieces.push([]);
      bytes = length;
    }
    pieces.at(-1)?.push(settled);
  }
  return pieces;
}

function advance(head: Head, { counts, progress, batches }: Settled): Head {
  const total = new Map(head.counts);
  for (const [dataset, more] of counts) total.set(dataset, addCounts(total.get(dataset) ?? NO_COUNTS, more));
  return {
    ...head,
    turn: head.turn + 1,
    counts: total,
    positions: new Map([...head.positions, ...byStream(progress)]),
    lastReceivedAt: batches.reduce((last, { batch }) => Math.max(last, batch.receivedAt), head.lastReceivedAt),
  };
}
