import type { Batch } from '../../event/batch.ts';
import type { Dataset } from '../../event/dataset.ts';
import { eventIdAt } from '../../event/ids.ts';
import { extraOf, membersOf } from '../members.ts';
import type { SettledBatch } from '../settle.ts';
import { badRow } from '../value.ts';
import { CopyBuffer, NEWLINE, TAB } from './copy-buffer.ts';
import { type CopyValue, copyValueOf } from './copy-value.ts';
import { tableColumns } from './dialect.ts';
import { MembersScan } from './members-scan.ts';
import { receivedText } from './values.ts';

/** Room of a row beyond its event: ids, time, and what conversions may add to each column. */
const ROW_BYTES = 1024;
const COLUMN_BYTES = 64;
/** An index entry takes 2,704 bytes at most. */
const KEY_BYTES_MAX = 2_600;
const NULL_FIRST = 0x6e;

/** Where the rows of a unit's batches come from: their events as they were sent, and the lines among them that are kept. */
export type RowSource = Pick<SettledBatch, 'kept'> & {
  readonly batch: Pick<Batch, 'lines' | 'count' | 'ids' | 'transactionId' | 'receivedAt' | 'extras'>;
};

/**
 * Rows of one dataset in the text format of COPY, straight from the bytes of the events. The columns are those of
 * `tableColumns`; in upsert mode the row's place in the unit comes after them. Made once: it keeps its memory.
 */
export class CopyRows {
  readonly #names: ReadonlySet<string>;
  readonly #values: readonly CopyValue[];
  readonly #scan: MembersScan;
  readonly #out = new CopyBuffer();
  readonly #key: number;
  readonly #dataset: Dataset;
  #place = 0;

  constructor(dataset: Dataset) {
    const columns = tableColumns(dataset).slice(0, dataset.columns.length);
    this.#dataset = dataset;
    this.#names = new Set(columns.map(({ name }) => name));
    this.#values = columns.map(copyValueOf);
    this.#scan = new MembersScan(columns.map(({ name }) => name));
    this.#key = dataset.mode === 'upsert' ? columns.findIndex(({ name }) => name === dataset.key) : -1;
  }

  /** Parts of the COPY; each holds until the one after the next is asked for. @throws AzudError `bad-row` with a path */
  *of(batches: readonly RowSource[]): Generator<Buffer> {
    this.#out.clear();
    this.#place = 0;
    for (const source of batches) yield* this.#batch(source);
    if (this.#out.length > 0) yield this.#out.take();
  }

  *#batch({ batch, kept }: RowSource): Generator<Buffer> {
    const { lines, count, transactionId } = batch;
    // One value a batch, shared by its rows.
    const shared = `\t${transactionId}\t${receivedText(batch.receivedAt)}\t`;
    let from = 0;
    let next = 0;
    for (let line = 0; line < count; line += 1) {
      const to = lines.indexOf(NEWLINE, from);
      const end = to < 0 ? lines.length : to;
      if (kept === null || kept[next] === line) {
        next += 1;
        this.#event(lines, from, end);
        const id = batch.ids?.[line];
        if (id === undefined) this.#out.ascii(eventIdAt(transactionId, line));
        else this.#out.text(id);
        this.#out.ascii(shared);
        this.#extra(batch.extras ? lines.toString('utf8', from, end) : null);
        if (this.#out.isFull) yield this.#out.take();
      }
      from = end + 1;
    }
  }

  #event(lines: Buffer, from: number, to: number): void {
    const { starts, ends } = this.#scan;
    this.#scan.read(lines, from, to);
    const out = this.#out;
    out.reserve((to - from) * 2 + this.#values.length * COLUMN_BYTES + ROW_BYTES);
    for (const [at, write] of this.#values.entries()) {
      const start = starts[at] as number;
      const begun = out.length;
      if (start === 0 || lines[start] === NULL_FIRST) out.nothing();
      else write(out, lines, start, ends[at] as number);
      if (at === this.#key && out.length - begun > KEY_BYTES_MAX) {
        throw badRow({ name: this.#dataset.key ?? '' }, `is longer than a key may be, ${KEY_BYTES_MAX} bytes`);
      }
      out.byte(TAB);
    }
  }

  /** Properties without a column, and the end of the row. */
  #extra(event: string | null): void {
    const extra = event === null ? null : extraOf(membersOf(event), this.#names);
    if (extra === null) this.#out.nothing();
    else this.#out.text(extra);
    if (this.#key >= 0) {
      this.#out.byte(TAB);
      this.#out.ascii(String(this.#place));
      this.#place += 1;
    }
    this.#out.byte(NEWLINE);
  }
}
