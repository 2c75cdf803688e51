import { type Batch, linesSpanOf } from '../../event/batch.ts';
import type { Dataset } from '../../event/dataset.ts';
import { raiseUuidText, UUID_BYTES, UUID_LENGTH, writeUuidText } from '../../event/ids.ts';
import type { Span } from '../../event/span.ts';
import { extraOf, membersOf } from '../members.ts';
import type { SettledBatch } from '../settle.ts';
import { badRow } from '../value.ts';
import { CopyBuffer, NEWLINE, TAB } from './copy-buffer.ts';
import { type CopyValue, copyValueOf } from './copy-value.ts';
import { tableColumns } from './dialect.ts';
import { MembersScan } from './members-scan.ts';

/** Room of a row beyond its event: ids, time, and what conversions may add to each column. */
const ROW_BYTES = 1024;
const COLUMN_BYTES = 64;
/** An index entry takes 2,704 bytes at most. */
const KEY_BYTES_MAX = 2_600;
const NULL_FIRST = 0x6e;
/** Room for a UUID, a time and the tabs around them. */
const SHARED_BYTES = 128;

/** Where the rows of a unit's batches come from: their events as they were sent, and the lines among them that are kept. */
export type RowSource = Pick<SettledBatch, 'kept'> & {
  readonly batch: Pick<
    Batch,
    'lines' | 'linesSpan' | 'count' | 'ids' | 'transactionId' | 'uuids' | 'receivedAt' | 'extras'
  >;
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
  readonly #shared = new Shared();
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
    for (const { batch, kept } of batches) {
      const { count } = batch;
      const { bytes, from: first, to } = linesSpanOf(batch);
      this.#shared.begin(batch);
      let from = first;
      let next = 0;
      for (let line = 0; line < count; line += 1) {
        const newline = bytes.indexOf(NEWLINE, from);
        const end = newline < 0 || newline > to ? to : newline;
        raiseUuidText(this.#shared.id, 0);
        if (kept === null || kept[next] === line) {
          next += 1;
          this.#row(batch, line, { bytes, from, to: end });
          if (this.#out.isFull) yield this.#out.take();
        }
        from = end + 1;
      }
    }
    if (this.#out.length > 0) yield this.#out.take();
  }

  #row(batch: RowSource['batch'], line: number, { bytes, from, to }: Span): void {
    this.#event(bytes, from, to);
    const { id, values, length } = this.#shared;
    const ownId = batch.ids?.[line];
    if (ownId === undefined) this.#out.plain(id, 0, UUID_LENGTH);
    else this.#out.text(ownId);
    this.#out.plain(values, 0, length);
    this.#extra(batch.extras ? bytes.toString('utf8', from, to) : null);
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

/** What the rows of a batch share, as bytes. */
class Shared {
  /** Of the transaction at first; each event's is the one before it, raised by one. */
  readonly id = Buffer.alloc(UUID_LENGTH);
  /** Of the columns behind the event's id, each with a tab on either side. */
  readonly values = Buffer.alloc(SHARED_BYTES, TAB);
  length = 0;
  #receivedAt = Number.NaN;

  begin(batch: RowSource['batch']): void {
    // By name, not taken apart: a batch that has the bytes makes the text when it is looked at.
    const { uuids } = batch;
    if (uuids) writeUuidText({ bytes: uuids.bytes, at: uuids.at + UUID_BYTES }, this.id, 0);
    else this.id.write(batch.transactionId, 'latin1');
    this.id.copy(this.values, 1);
    // Many batches in a row came within the same millisecond.
    if (batch.receivedAt === this.#receivedAt) return;
    this.#receivedAt = batch.receivedAt;
    const at = UUID_LENGTH + 2;
    this.length = at + this.values.write(new Date(batch.receivedAt).toISOString(), at, 'latin1') + 1;
    this.values[this.length - 1] = TAB;
  }
}
