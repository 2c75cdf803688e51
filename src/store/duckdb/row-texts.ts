import { setImmediate as nextTurn } from 'node:timers/promises';
import { linesSpanOf } from '../../event/batch.ts';
import type { Dataset } from '../../event/dataset.ts';
import { eventIdAt } from '../../event/ids.ts';
import { lengthOf } from '../../event/span.ts';
import { extraOf, type Member, membersOf } from '../members.ts';
import { linesOf, type SettledBatch } from '../settle.ts';
import { RS } from './statements.ts';
import { TextBuffer } from './text-buffer.ts';
import { addTransactionId } from './transaction-texts.ts';

/** Gathered between two turns of the event loop, bytes: 1 to 2 ms in which no query is answered. */
const TURN_BYTES = 1024 * 1024;
/** What a batch costs beside its lines, as bytes. */
const BATCH_BYTES = 1024;

/** A batch, and its lines (from 0) that become rows; null: all of them. */
export type RowsOf = Pick<SettledBatch, 'batch' | 'kept'>;

/**
 * Gathers the parallel texts of `RowStatements`. Made once: its buffers keep the size of the largest unit, because fresh
 * memory for each unit costs more than filling it.
 */
export class RowTexts {
  readonly #events = new TextBuffer();
  readonly #ids = new TextBuffer();
  readonly #extras = new TextBuffer();
  readonly #transactions = new TextBuffer();
  readonly #times = new TextBuffer();
  readonly #columns: TextBuffer[] = [];

  /** Views that hold until the next call. Each batch has a row. */
  async of(batches: readonly RowsOf[], dataset: Dataset, texts: readonly string[]): Promise<readonly Uint8Array[]> {
    while (this.#columns.length < texts.length) this.#columns.push(new TextBuffer());
    const columns = this.#columns.slice(0, texts.length);
    const all = [this.#events, this.#ids, this.#extras, this.#transactions, this.#times, ...columns];
    for (const text of all) text.clear();
    const names = new Set(dataset.columns.map(({ name }) => name));
    const extras = batches.some(({ batch }) => batch.extras);
    let bytes = 0;
    for (const settled of batches) {
      bytes += lengthOf(linesSpanOf(settled.batch)) + BATCH_BYTES;
      if (bytes > TURN_BYTES) {
        await nextTurn();
        bytes = 0;
      }
      this.#addBatch(settled);
      if (extras || texts.length > 0) this.#addExact(settled, names, texts);
    }
    return all.map((text) => text.bytes());
  }

  #addBatch({ batch, kept }: RowsOf): void {
    addTransactionId(this.#transactions, batch);
    this.#times.addValue(batch.receivedAt);
    if (kept === null) {
      this.#events.addLines(linesSpanOf(batch));
    } else {
      const lines = linesOf(batch.lines);
      for (const line of kept) this.#events.addLine(lines[line] ?? EMPTY);
    }
    this.#events.separate(RS);
    if (batch.ids === null && kept === null) {
      addTransactionId(this.#ids, batch);
      this.#ids.toEventIds(batch.count);
    } else {
      for (const line of kept ?? batch.ids?.keys() ?? []) {
        this.#ids.addLine(batch.ids?.[line] ?? eventIdAt(batch.transactionId, line));
      }
    }
    this.#ids.separate(RS);
  }

  /** Properties without a column, and json columns: their exact text, which costs a scan here and only here. */
  #addExact({ batch, kept }: RowsOf, names: ReadonlySet<string>, texts: readonly string[]): void {
    const lines = linesOf(batch.lines);
    for (const line of kept ?? lines.keys()) {
      const members = membersOf(lines[line]?.toString() ?? '');
      this.#extras.addLine(batch.extras ? (extraOf(members, names) ?? '') : '');
      for (const [at, name] of texts.entries()) this.#columns[at]?.addLine(rawOf(members, name));
    }
    this.#extras.separate(RS);
    for (const at of texts.keys()) this.#columns[at]?.separate(RS);
  }
}

const EMPTY = Buffer.alloc(0);

function rawOf(members: readonly Member[], name: string): string {
  const raw = members.find((member) => member.name === name)?.raw ?? '';
  return raw === 'null' ? '' : raw;
}
