import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Batch } from '../../src/event/batch.ts';
import type { Column, Dataset } from '../../src/event/dataset.ts';
import { SYSTEM_COLUMNS } from '../../src/event/dataset.ts';
import { eventIdAt, uuidV7 } from '../../src/event/ids.ts';
import type { UnitBatch } from '../../src/store/driver.ts';
import { DuckdbStoreDriver } from '../../src/store/duckdb/driver.ts';
import { allRows } from '../../src/store/reading.ts';
import { atLeast, below, type Case, type CaseOptions, count, type Figure, ms, perSecond, shape } from '../case.ts';

const TYPES = {
  flight_id: 'string',
  date: 'timestamp',
  origin: 'string',
  destination: 'string',
  carrier: 'string',
  status: 'string',
  delay: 'integer',
  distance: 'number',
  cancelled: 'boolean',
  passengers: 'integer',
  note: 'string',
} as const satisfies Record<string, Column['type']>;

const FLIGHTS: Dataset = {
  name: 'flights',
  mode: 'append',
  schema: {},
  columns: Object.entries(TYPES).map(([name, type]) => ({ name, type, required: true })),
  eventId: null,
  key: null,
  time: null,
  retentionMs: null,
  dedupeWindowMs: 7 * 24 * 3600 * 1000,
};

const T0 = Date.UTC(2026, 0, 1);
const UNIT_EVENTS = 50_000;
const AIRPORTS = ['SCL', 'LIM', 'GRU', 'EZE', 'BOG', 'MIA'];

function line(i: number): string {
  return JSON.stringify({
    flight_id: `F${100_000_000 + i}`,
    date: new Date(T0 + i * 731).toISOString(),
    origin: AIRPORTS[i % 6],
    destination: AIRPORTS[(i * 7 + 1) % 6],
    carrier: ['LA', 'AV', 'IB'][i % 3],
    status: i % 50 ? 'landed' : 'delayed',
    delay: ((i * 7919) % 240) - 40,
    distance: ((i * 104_729) % 1_000_000) / 100,
    cancelled: i % 97 === 0,
    passengers: 40 + ((i * 31) % 300),
    note: `gate ${i % 40} crew ${(i * 48_271) % 1_000_000} ñ ${(i * 69_621).toString(36)}`,
  });
}

interface Shape {
  readonly rows: number;
  readonly batchEvents: number;
  readonly withIds: boolean;
}

let offset = 0;

/** Units of batches, made before the clock runs; ids of transactions tell where their rows lie in time. */
function unitsOf({ rows, batchEvents, withIds }: Shape, lines: readonly string[]): UnitBatch[][] {
  const units: UnitBatch[][] = [];
  for (let start = 0; start < rows; start += UNIT_EVENTS) {
    const unit: UnitBatch[] = [];
    for (let from = start; from < Math.min(start + UNIT_EVENTS, rows); from += batchEvents) {
      const count = Math.min(batchEvents, rows - from);
      const time = T0 + from;
      const part = lines.slice(from % lines.length, (from % lines.length) + count);
      const batch: Batch = {
        id: uuidV7(time),
        dataset: 'flights',
        transactionId: uuidV7(time),
        receivedAt: time,
        source: 'bench',
        count,
        lines: Buffer.from(`${part.join('\n')}\n`),
        ids: withIds ? part.map((_, at) => `client-${offset}-${at}`) : null,
        rows: null,
        extras: false,
        rejects: [],
        replays: null,
        discards: [],
      };
      offset += 1;
      unit.push({ batch, position: { stream: 'bench', offset }, dead: new Map() });
    }
    units.push(unit);
  }
  return units;
}

async function openStore(dataDir: string, threads: number): Promise<DuckdbStoreDriver> {
  const driver = new DuckdbStoreDriver({ kind: 'duckdb', threads }, { dataDir, onFatal: () => {} });
  await driver.open([FLIGHTS], { allowDestructive: false, onStep: () => {} });
  return driver;
}

/** Seconds that the engine's own reader takes for the lines. */
async function baseline(folder: string, lines: readonly string[], threads: number): Promise<number> {
  const file = join(folder, 'lines.ndjson');
  await writeFile(file, `${lines.join('\n')}\n`);
  const names = {
    string: 'VARCHAR',
    timestamp: 'TIMESTAMPTZ',
    integer: 'BIGINT',
    number: 'DOUBLE',
    boolean: 'BOOLEAN',
  };
  const columns = Object.entries(TYPES).map(([name, type]) => `${name}: '${names[type]}'`);
  const instance = await DuckDBInstance.create(join(folder, 'baseline.duckdb'), { threads: String(threads) });
  const connection = await instance.connect();
  const started = performance.now();
  await connection.run(
    `CREATE TABLE t AS SELECT * FROM read_json('${file}', format = 'newline_delimited', columns = {${columns.join(', ')}})`,
  );
  const seconds = (performance.now() - started) / 1000;
  connection.closeSync();
  instance.closeSync();
  return seconds;
}

/** Seconds that the store takes for the same rows, in batches of a size. */
async function writing(folder: string, load: Shape & { threads: number }, lines: readonly string[]): Promise<number> {
  const dataDir = await mkdtemp(join(folder, 'write-'));
  const driver = await openStore(dataDir, load.threads);
  const units = unitsOf(load, lines);
  const started = performance.now();
  for (const batches of units) await driver.write({ batches });
  const seconds = (performance.now() - started) / 1000;
  await driver.close();
  await rm(dataDir, { recursive: true });
  return seconds;
}

/** Latencies in ms of single rows by id among many, sorted. */
async function rowById(folder: string, rows: number, lines: readonly string[]): Promise<Record<string, number[]>> {
  const driver = await openStore(await mkdtemp(join(folder, 'read-')), 2);
  const derived: string[] = [];
  for (let from = 0; from < rows; from += 1_000_000) {
    const load = { rows: Math.min(1_000_000, rows - from), batchEvents: 1000, withIds: false };
    for (const batches of unitsOf(load, lines)) {
      await driver.write({ batches });
      derived.push(eventIdAt(batches[7]?.batch.transactionId ?? '', 500));
    }
  }
  const clients = unitsOf({ rows: Math.min(rows, 500_000), batchEvents: 1000, withIds: true }, lines);
  for (const batches of clients) await driver.write({ batches });
  const own = clients.map((unit) => unit[3]?.batch.ids?.[9] ?? '');
  const transactions = clients.map((unit) => unit[3]?.batch.transactionId ?? '');
  const found = {
    'row by derived id': await latencies(derived, (id) => oneRow(driver, 'flights', id)),
    'row by client id': await latencies(own, (id) => oneRow(driver, 'flights', id)),
    'receipt by transaction': await latencies(transactions, (id) => oneRow(driver, '_transactions', id)),
  };
  await driver.close();
  return found;
}

async function latencies(ids: readonly string[], read: (id: string) => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < 300; i += 1) {
    const started = performance.now();
    await read(ids[(i * 7) % ids.length] ?? '');
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b);
}

async function oneRow(driver: DuckdbStoreDriver, table: 'flights' | '_transactions', value: string): Promise<void> {
  const own = table === 'flights';
  const stream = await driver.rows(
    {
      table,
      select: own ? [...FLIGHTS.columns, ...SYSTEM_COLUMNS] : [{ name: 'stored', type: 'integer' }],
      where: [{ column: own ? '_event_id' : 'transaction_id', operator: 'eq', value }],
      order: [{ column: own ? '_event_id' : 'batch_id', descending: false }],
      after: null,
      limit: own ? 1 : 1000,
    },
    { timeoutMs: 10_000, rowsMax: 1000, signal: new AbortController().signal },
  );
  if ((await allRows(stream)).length !== 1) throw new Error(`${table} ${value} was not found once`);
}

/** Rates of one number of threads, each against the engine's own reader of the same lines in the same run. */
async function rates(folder: string, lines: readonly string[], threads: number): Promise<Figure[]> {
  const seconds = await baseline(folder, lines, threads);
  await rm(join(folder, 'baseline.duckdb'));
  const sides = { unit: 'rows', of: "DuckDB's read_json", reference: lines.length / seconds };
  const figures: Figure[] = [];
  for (const { batchEvents, withIds, share, bound } of SHAPES) {
    const rows = Math.floor(lines.length * share);
    const measured = rows / (await writing(folder, { rows, batchEvents, withIds, threads }, lines));
    const what = `store: batches of ${batchEvents}${withIds ? ' with client ids' : ''}, ${threads} threads`;
    if (bound !== null) figures.push(atLeast(what, bound, { ...sides, measured }));
    else
      figures.push(shape(what, perSecond(measured, 'rows'), `${(measured / sides.reference).toFixed(2)} of read_json`));
  }
  return figures;
}

const SHAPES = [
  { batchEvents: 1000, withIds: false, share: 1, bound: 0.5 },
  { batchEvents: 1000, withIds: true, share: 1, bound: null },
  { batchEvents: 1, withIds: false, share: 0.4, bound: null },
] as const;

async function run({ quick, say }: CaseOptions): Promise<readonly Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'azud-bench-'));
  try {
    const lines = Array.from({ length: quick ? 50_000 : 500_000 }, (_, i) => line(i));
    const figures: Figure[] = [];
    for (const threads of [1, 2]) figures.push(...(await rates(folder, lines, threads)));
    const rows = quick ? 100_000 : 5_000_000;
    say(`filling ${rows} rows`);
    for (const [name, times] of Object.entries(await rowById(folder, rows, lines))) {
      const at = (q: number) => times[Math.floor((times.length - 1) * q)] ?? Number.NaN;
      figures.push(
        below(`store: ${name}, ${count(rows)} rows, p99 (p50 ${ms(at(0.5))})`, at(0.99), { limit: 20, words: ms }),
      );
    }
    return figures;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export const store: Case = {
  name: 'store',
  about: 'the DuckDB store alone: writing against read_json of the same lines, single rows among many',
  run,
};
