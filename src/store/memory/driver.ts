import type { Position, Progress } from '../../broker/driver.ts';
import type { Batch } from '../../event/batch.ts';
import type { Dataset } from '../../event/dataset.ts';
import { SYSTEM_COLUMNS } from '../../event/dataset.ts';
import { eventIdAt } from '../../event/ids.ts';
import type { Counts } from '../../event/outcome.ts';
import type {
  Ledger,
  OpenOptions,
  RowStream,
  RowsLimits,
  RowsQuery,
  StoreDriver,
  TableFacts,
  UnitBatch,
  Value,
  WriteUnit,
} from '../driver.ts';
import { extraOf, membersOf } from '../members.ts';
import { planTables, refuseDestructive, shapeOf, type TableShape } from '../plan.ts';
import { streamWithin } from '../reading.ts';
import { addCounts, linesOf, NO_COUNTS, type Settled, type SettledBatch, settle } from '../settle.ts';
import { receiptsKeptMs, sweepHorizon } from '../sweep.ts';
import { DEAD_LETTERS, TRANSACTIONS } from '../tables.ts';
import { columnValue, isoOf } from '../value.ts';
import { MEMORY_CAPABILITIES } from './capabilities.ts';
import { notOpen } from './errors.ts';
import { type Row, selectRows } from './table.ts';

/** Everything that a real store keeps on disk. Share one between drivers to reopen it. */
export class MemoryData {
  shapes: ReadonlyMap<string, TableShape> = new Map();
  /** By dataset: rows by event id, or by key in upsert mode. Ids may repeat once they leave the dedupe window. */
  readonly rows = new Map<string, Map<string, Row>>();
  readonly ids = new Map<string, Map<string, number>>();
  readonly letters = new Map<string, Row>();
  readonly transactions: Row[] = [];
  readonly counts = new Map<string, Counts>();
  readonly positions = new Map<string, Position>();
  readonly batchIds = new Set<string>();
  carried: Ledger['carried'] = new Map();
  lastReceivedAt = 0;
}

export class MemoryStoreDriver implements StoreDriver {
  readonly capabilities = MEMORY_CAPABILITIES;
  readonly #data: MemoryData;
  #datasets: ReadonlyMap<string, Dataset> | null = null;

  constructor(data: MemoryData = new MemoryData()) {
    this.#data = data;
  }

  async open(datasets: readonly Dataset[], options: OpenOptions): Promise<void> {
    const plan = planTables(this.#data.shapes, datasets);
    refuseDestructive(plan, options.allowDestructive);
    for (const step of plan.steps) {
      if (step.kind === 'drop') this.#dropColumn(step.dataset.name, step.column);
      if (step.kind === 'rekey') this.#rekey(step.dataset);
    }
    this.#data.shapes = new Map([
      ...this.#data.shapes,
      ...datasets.map((dataset) => [dataset.name, shapeOf(dataset)] as const),
    ]);
    this.#datasets = new Map(datasets.map((dataset) => [dataset.name, dataset]));
  }

  async progress(): Promise<Progress> {
    return [...this.#data.positions.values()];
  }

  async write(unit: WriteUnit): Promise<readonly (Counts | null)[]> {
    const settled = settle(unit, {
      datasets: this.#opened(),
      covers: (entry) => this.#covers(entry),
      ids: this.#data.ids,
      letters: new Map([...this.#data.letters].map(([id, row]) => [id, row.get('state') === 'dead'])),
    });
    // Every row is made before any is kept: a bad one leaves nothing behind.
    const made = settled.batches.map((entry) => this.#rowsOf(entry));
    for (const [at, entry] of settled.batches.entries()) this.#keepBatch(entry, made[at] ?? []);
    this.#keepLetters(settled);
    this.#keepSums(settled);
    return settled.results;
  }

  async probe(dataset: Dataset, lines: Buffer): Promise<void> {
    for (const line of linesOf(lines)) eventRow(line.toString(), dataset, false);
  }

  async rows(query: RowsQuery, limits: RowsLimits): Promise<RowStream> {
    const { rows, columns } = this.#table(query.table);
    const found = selectRows(rows, query, columns).slice(0, limits.rowsMax);
    return streamWithin({ columns: query.select, chunks: chunked(found) }, limits);
  }

  async ledger(): Promise<Ledger> {
    const { counts, carried } = this.#data;
    return { progress: await this.progress(), counts: new Map(counts), carried };
  }

  async join(progress: Progress, carried: Ledger['carried']): Promise<void> {
    this.#data.positions.clear();
    for (const position of progress) this.#data.positions.set(position.stream, position);
    this.#data.carried = new Map(carried);
  }

  async describe(dataset: string): Promise<TableFacts> {
    const times = [...(this.#data.rows.get(dataset)?.values() ?? [])]
      .map((row) => String(row.get('_received_at')))
      .sort();
    return { rows: times.length, first: times[0] ?? null, last: times.at(-1) ?? null, bytes: times.length * 256 };
  }

  async sweep(now: number): Promise<void> {
    const horizon = sweepHorizon(now, this.#data.lastReceivedAt);
    for (const dataset of this.#opened().values()) {
      const ids = this.#data.ids.get(dataset.name) ?? new Map<string, number>();
      for (const [id, time] of ids) if (time < horizon - dataset.dedupeWindowMs) ids.delete(id);
      const rows = this.#data.rows.get(dataset.name) ?? new Map<string, Row>();
      const oldest = dataset.retentionMs === null ? '' : momentOf(horizon - dataset.retentionMs);
      for (const [id, row] of rows) if (String(row.get('_received_at')) < oldest) rows.delete(id);
      const before = momentOf(horizon - receiptsKeptMs(dataset));
      const dead = new Set([...this.#data.letters.values()].map((letter) => letter.get('transaction_id')));
      const kept = this.#data.transactions.filter(
        (row) =>
          row.get('dataset') !== dataset.name ||
          String(row.get('received_at')) >= before ||
          dead.has(row.get('transaction_id')),
      );
      this.#data.transactions.splice(0, this.#data.transactions.length, ...kept);
    }
  }

  async close(): Promise<void> {
    this.#datasets = null;
  }

  #opened(): ReadonlyMap<string, Dataset> {
    if (!this.#datasets) throw notOpen();
    return this.#datasets;
  }

  #covers({ position, batch }: UnitBatch): boolean {
    if (position === null) return this.#data.batchIds.has(batch.id);
    return (this.#data.positions.get(position.stream)?.offset ?? 0) >= position.offset;
  }

  #rowsOf({ batch, kept }: SettledBatch): Row[] {
    const lines = linesOf(batch.lines);
    const wanted = kept ?? lines.keys().toArray();
    const dataset = this.#opened().get(batch.dataset);
    // The lines of a dataset that is not declared any more are dead letters, every one.
    if (wanted.length === 0) return [];
    if (!dataset) throw notOpen();
    return wanted.map((line) => {
      const row = eventRow(lines[line]?.toString() ?? '', dataset, batch.extras);
      row.set('_event_id', batch.ids?.[line] ?? eventIdAt(batch.transactionId, line));
      row.set('_transaction_id', batch.transactionId);
      row.set('_received_at', isoOf(BigInt(batch.receivedAt) * 1000n));
      return row;
    });
  }

  #keepBatch({ batch, counts }: SettledBatch, rows: readonly Row[]): void {
    const table = this.#data.rows.get(batch.dataset) ?? new Map<string, Row>();
    this.#data.rows.set(batch.dataset, table);
    const key = this.#opened().get(batch.dataset)?.key ?? null;
    for (const row of rows) {
      if (key === null) table.set(freeKey(table, String(row.get('_event_id'))), row);
      else keepLatest(table, keyOf(row, key), row);
    }
    this.#data.lastReceivedAt = Math.max(this.#data.lastReceivedAt, batch.receivedAt);
    this.#data.transactions.push(transactionRow(batch, counts));
  }

  #keepLetters(settled: Settled): void {
    const { letters } = this.#data;
    for (const letter of settled.lettersAdded) {
      letters.set(
        letter.id,
        new Map<string, string | number | null>([
          ['id', letter.id],
          ['dataset', letter.dataset],
          ['transaction_id', letter.transactionId],
          ['event_id', letter.eventId],
          ['row', letter.row],
          ['stage', letter.stage],
          ['code', letter.code],
          ['message', letter.message],
          ['path', letter.path],
          ['received_at', isoOf(BigInt(letter.receivedAt) * 1000n)],
          ['original', letter.original.toString('base64')],
          ['state', 'dead'],
          ['reason', null],
        ]),
      );
    }
    const change = (id: string, values: Record<string, string>) =>
      letters.set(id, new Map([...(letters.get(id) ?? []), ...Object.entries(values)]));
    for (const [id, { stage, code, message, path }] of settled.lettersChanged) {
      change(id, { stage, code, message, path });
    }
    for (const id of settled.lettersGone) letters.delete(id);
    for (const [id, reason] of settled.lettersDiscarded) change(id, { state: 'discarded', reason });
  }

  #keepSums(settled: Settled): void {
    for (const [dataset, ids] of settled.ids) {
      this.#data.ids.set(dataset, new Map([...(this.#data.ids.get(dataset) ?? []), ...ids]));
    }
    for (const [dataset, counts] of settled.counts) {
      this.#data.counts.set(dataset, addCounts(this.#data.counts.get(dataset) ?? NO_COUNTS, counts));
    }
    for (const position of settled.progress) this.#data.positions.set(position.stream, position);
    for (const id of settled.batchIds) this.#data.batchIds.add(id);
  }

  #table(name: string) {
    if (name === DEAD_LETTERS.name) return { rows: this.#data.letters.values(), columns: DEAD_LETTERS.columns };
    if (name === TRANSACTIONS.name) return { rows: this.#data.transactions, columns: TRANSACTIONS.columns };
    const columns = [...(this.#opened().get(name)?.columns ?? []), ...SYSTEM_COLUMNS];
    return { rows: this.#data.rows.get(name)?.values() ?? [], columns };
  }

  #dropColumn(dataset: string, column: string): void {
    const rows = this.#data.rows.get(dataset) ?? new Map<string, Row>();
    for (const [id, row] of rows) rows.set(id, new Map([...row].filter(([name]) => name !== column)));
  }

  #rekey({ name, key }: Dataset): void {
    const rows = new Map<string, Row>();
    for (const row of this.#data.rows.get(name)?.values() ?? []) {
      if (key === null) rows.set(freeKey(rows, String(row.get('_event_id'))), row);
      else keepLatest(rows, keyOf(row, key), row);
    }
    this.#data.rows.set(name, rows);
  }
}

function eventRow(line: string, dataset: Dataset, extras: boolean): Map<string, Value> {
  const members = membersOf(line);
  const raw = new Map(members.map((member) => [member.name, member.raw]));
  const row = new Map<string, Value>(
    dataset.columns.map((column) => [column.name, columnValue(raw.get(column.name), column)]),
  );
  row.set('_extra', extras ? extraOf(members, new Set(dataset.columns.map(({ name }) => name))) : null);
  return row;
}

function keepLatest(table: Map<string, Row>, key: string, row: Row): void {
  const before = table.get(key);
  if (before && String(before.get('_received_at')) > String(row.get('_received_at'))) return;
  table.set(key, row);
}

function keyOf(row: Row, key: string): string {
  return String(row.get(key) ?? null);
}

/** An event received again after its dedupe window is a second row with the same id. */
function freeKey(table: ReadonlyMap<string, Row>, id: string): string {
  let key = id;
  for (let copy = 1; table.has(key); copy += 1) key = `${id}\n${copy}`;
  return key;
}

function transactionRow(batch: Batch, counts: Counts): Row {
  return new Map<string, string | number>([
    ['batch_id', batch.id],
    ['transaction_id', batch.transactionId],
    ['dataset', batch.dataset],
    ['received_at', isoOf(BigInt(batch.receivedAt) * 1000n)],
    ...Object.entries(counts),
  ]);
}

async function* chunked<T>(rows: readonly T[], size = 2048) {
  for (let at = 0; at < rows.length; at += size) yield rows.slice(at, at + size);
}

const momentOf = (ms: number): string => isoOf(BigInt(ms) * 1000n);
