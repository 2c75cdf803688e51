import type { Position } from '../../broker/driver.ts';
import type { Batch } from '../../event/batch.ts';
import { type Column, type ColumnType, type Dataset, SYSTEM_COLUMNS } from '../../event/dataset.ts';
import { uuidDerived, uuidV7 } from '../../event/ids.ts';
import type { Condition, DeadReason, Order, RowsLimits, StoreDriver, UnitBatch, Value } from '../driver.ts';
import { allRows } from '../reading.ts';
import { SYSTEM_TABLES } from '../tables.ts';

export const T0 = Date.UTC(2026, 0, 15, 12);
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** How one store is brought up for the suite. */
export interface StoreHarness {
  /** A new, empty store. */
  open(datasets: readonly Dataset[]): Promise<StoreDriver>;
  /** The same data opened again, by a driver that replaces the one given. */
  reopen(
    driver: StoreDriver,
    datasets: readonly Dataset[],
    options?: { allowDestructive: boolean },
  ): Promise<StoreDriver>;
  /** Ends the driver and removes its data. */
  close(driver: StoreDriver): Promise<void>;
  /** Values that this store cannot hold. They must be refused by path like any that the type cannot keep. */
  readonly waivers?: readonly ValueWaiver[];
}

/** A value of the suite, by its column type and JSON text, that the store refuses, and why it must. */
export interface ValueWaiver {
  readonly type: ColumnType;
  readonly json: string;
  readonly reason: string;
}

export function datasetOf(
  name: string,
  columns: Readonly<Record<string, ColumnType>>,
  more: Partial<Dataset> = {},
): Dataset {
  return {
    name,
    mode: 'append',
    schema: { type: 'object' },
    columns: Object.entries(columns).map(([column, type]): Column => ({ name: column, type, required: false })),
    eventId: null,
    key: null,
    time: null,
    retentionMs: null,
    dedupeWindowMs: 7 * DAY_MS,
    ...more,
  };
}

export const FLIGHTS = datasetOf('flights', {
  flight_id: 'string',
  origin: 'string',
  delay: 'integer',
  distance: 'number',
});
export const CLIENTS = datasetOf('clients', { id: 'string', name: 'string' }, { mode: 'upsert', key: 'id' });

let serial = 0;

function nextSerial(): number {
  serial += 1;
  return serial;
}

/** A batch of the events given; every id in it is new. */
export function batchOf(dataset: Dataset, events: readonly (object | string)[], more: Partial<Batch> = {}): Batch {
  const receivedAt = more.receivedAt ?? T0 + nextSerial();
  const lines = events.map((event) => `${typeof event === 'string' ? event : JSON.stringify(event)}\n`);
  return {
    id: uuidV7(receivedAt),
    dataset: dataset.name,
    transactionId: uuidV7(receivedAt),
    receivedAt,
    source: 'http',
    count: events.length,
    lines: Buffer.from(lines.join('')),
    ids: null,
    rows: null,
    extras: false,
    rejects: [],
    replays: null,
    discards: [],
    ...more,
  };
}

export function rejectOf(row: number, original: Buffer, eventId: string | null = null) {
  const id = uuidDerived('reject', String(row), original.toString('hex'), String(nextSerial()));
  return { id, row, code: 'schema_violation', message: 'must be an integer', path: '/delay', original, eventId };
}

export const BAD: DeadReason = { stage: 'store', code: 'bad_row', message: 'cannot be kept', path: '/delay' };

let offset = 0;

/** The batch at the next position of the stream. */
export function at(batch: Batch, dead: ReadonlyMap<number, DeadReason> = new Map()): UnitBatch {
  offset += 1;
  const position: Position = { stream: 'test', offset };
  return { batch, position, dead };
}

export function limits(more: Partial<RowsLimits> = {}): RowsLimits {
  return { timeoutMs: 20_000, rowsMax: 100_000, signal: new AbortController().signal, ...more };
}

export interface ReadOptions {
  readonly where?: readonly Condition[];
  readonly order?: readonly Order[];
  readonly after?: readonly Value[] | null;
  readonly limit?: number;
}

const UNIQUE: Readonly<Record<string, string>> = { _dead_letters: 'id', _transactions: 'batch_id' };

/** Rows of a table, each as an object; in the order of the unique column unless told otherwise. */
export async function read(driver: StoreDriver, table: Dataset | string, options: ReadOptions = {}) {
  const name = typeof table === 'string' ? table : table.name;
  const columns =
    typeof table === 'string'
      ? (SYSTEM_TABLES.find((one) => one.name === table)?.columns ?? [])
      : [...table.columns, ...SYSTEM_COLUMNS];
  const stream = await driver.rows(
    {
      table: name,
      select: columns,
      where: options.where ?? [],
      order: options.order ?? [{ column: UNIQUE[name] ?? '_event_id', descending: false }],
      after: options.after ?? null,
      limit: options.limit ?? 10_000,
    },
    limits(),
  );
  const rows = await allRows(stream);
  return rows.map((row) => Object.fromEntries(stream.columns.map((column, i) => [column.name, row[i] ?? null])));
}

export async function countsOf(driver: StoreDriver, dataset: Dataset) {
  return (await driver.ledger()).counts.get(dataset.name);
}
