import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import type { Batch } from '../../src/event/batch.ts';
import type { Dataset } from '../../src/event/dataset.ts';
import { uuidV7 } from '../../src/event/ids.ts';
import { compileDataset } from '../../src/event/validator.ts';
import type { UnitBatch } from '../../src/store/driver.ts';
import { PostgresStoreDriver } from '../../src/store/postgres/driver.ts';
import { asSuperuser, dropSchema, freshSchema, POSTGRES_URL } from '../../test/support/postgres.ts';
import { sendAll, settled, withAzud } from '../azud.ts';
import { atLeast, type Case, type CaseOptions, type Figure, median, perSecond, shape } from '../case.ts';
import { benchConfig, EVENT_SCHEMA, eventLines } from '../events.ts';

const UNIT_EVENTS = 50_000;
const BATCH = 1_000;
const T0 = Date.UTC(2026, 0, 15);
const run = promisify(execFile);

let offset = 0;

function batchAt(first: number, count: number, withIds: boolean): UnitBatch {
  offset += 1;
  const time = T0 + offset;
  const batch: Batch = {
    id: uuidV7(time),
    dataset: 'orders',
    transactionId: uuidV7(time),
    receivedAt: time,
    source: 'bench',
    count,
    lines: eventLines(first, count),
    ids: withIds ? Array.from({ length: count }, (_, i) => `client-${offset}-${i}`) : null,
    rows: null,
    extras: false,
    rejects: [],
    replays: null,
    discards: [],
  };
  return { batch, position: { stream: 'bench', offset }, dead: new Map() };
}

interface Load {
  readonly rows: number;
  readonly batchEvents: number;
  readonly withIds: boolean;
}

function unitsOf({ rows, batchEvents, withIds }: Load): UnitBatch[][] {
  const units: UnitBatch[][] = [];
  for (let from = 0; from < rows; from += UNIT_EVENTS) {
    const count = Math.min(UNIT_EVENTS, rows - from) / batchEvents;
    units.push(Array.from({ length: count }, (_, i) => batchAt(from + i * batchEvents, batchEvents, withIds)));
  }
  return units;
}

const DATASET: Dataset = compileDataset('orders', { schema: EVENT_SCHEMA });

/** A store in a schema of its own, removed afterwards. */
async function withStore<T>(use: (driver: PostgresStoreDriver, schema: string) => Promise<T>): Promise<T> {
  const schema = freshSchema();
  const driver = new PostgresStoreDriver({ kind: 'postgres', url: POSTGRES_URL, schema });
  try {
    await driver.open([DATASET], { allowDestructive: false, onStep: () => {} });
    return await use(driver, schema);
  } finally {
    await driver.close();
    await dropSchema(schema);
  }
}

/** Rows a second that the store writes in units of 50,000. */
function writing(load: Load): Promise<number> {
  const units = unitsOf(load);
  return withStore(async (driver) => {
    await asSuperuser('CHECKPOINT');
    const started = performance.now();
    for (const batches of units) await driver.write({ batches });
    return load.rows / ((performance.now() - started) / 1_000);
  });
}

const psql = (schema: string, command: string) =>
  run('psql', ['-q', '-X', '-v', 'ON_ERROR_STOP=1', POSTGRES_URL, '-c', `SET search_path = ${schema}`, '-c', command]);

/** Rows a second of `psql`'s COPY of the rows that the store wrote, into the same table made anew. */
async function copying(folder: string, rows: number): Promise<number> {
  const file = join(folder, 'rows.copy');
  await withStore(async (driver, schema) => {
    for (const batches of unitsOf({ rows, batchEvents: BATCH, withIds: false })) await driver.write({ batches });
    await psql(schema, `\\copy (SELECT * FROM orders) TO '${file}'`);
  });
  return withStore(async (driver, schema) => {
    // The month's partition is there before the clock runs, as it is for the store after its first unit.
    await driver.write({ batches: [batchAt(0, 1, false)] });
    await asSuperuser('CHECKPOINT');
    const started = performance.now();
    await psql(schema, `\\copy orders FROM '${file}'`);
    return rows / ((performance.now() - started) / 1_000);
  });
}

/** Events a second from the log to the tables of a whole system: everything is accepted first, with the table locked. */
async function loading(rows: number): Promise<number> {
  const schema = freshSchema();
  const store = { kind: 'postgres', url: POSTGRES_URL, schema };
  const lock = new Client({ connectionString: POSTGRES_URL });
  await lock.connect();
  try {
    return await withAzud({ ...benchConfig(), store }, async (azud) => {
      const url = `${azud.url}/v1/events/orders`;
      await sendAll(url, [eventLines(0, 1)], 1);
      await settled(azud);
      await asSuperuser('CHECKPOINT');
      await lock.query(`BEGIN; LOCK TABLE ${schema}.orders IN EXCLUSIVE MODE`);
      const bodies = Array.from({ length: rows / BATCH }, (_, i) => eventLines(i * BATCH, BATCH));
      await sendAll(url, bodies, 4);
      const { rows: stored } = await lock.query(`SELECT count(*)::int AS n FROM ${schema}.orders`);
      if (stored[0]?.n !== 1) throw new Error(`${stored[0]?.n} rows were stored before the clock ran`);
      const started = performance.now();
      await lock.query('COMMIT');
      await settled(azud);
      return rows / ((performance.now() - started) / 1_000);
    });
  } finally {
    await lock.end();
    await dropSchema(schema);
  }
}

async function measure({ quick, say }: CaseOptions): Promise<readonly Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'azud-bench-'));
  try {
    const rows = quick ? 50_000 : 500_000;
    const rounds = quick ? [0] : [0, 1, 2];
    const each = async (what: string, work: () => Promise<number>) => {
      const rates: number[] = [];
      for (const round of rounds) {
        say(`${what}, ${round + 1} of ${rounds.length}`);
        rates.push(await work());
      }
      return median(rates);
    };
    const reference = await each("psql's COPY", () => copying(folder, rows));
    const sides = { unit: 'rows', of: "psql's COPY", reference };
    const single = Math.floor(rows / 5);
    const written = await each('units', () => writing({ rows, batchEvents: BATCH, withIds: false }));
    const withIds = await each('units with ids', () => writing({ rows, batchEvents: BATCH, withIds: true }));
    const singles = await each('units of single events', () =>
      writing({ rows: single, batchEvents: 1, withIds: false }),
    );
    const loaded = await each('a system', () => loading(rows));
    const share = (rate: number) => `${(rate / reference).toFixed(2)} of COPY`;
    return [
      atLeast('postgres: accepted → queryable, from the log, batches of 1,000', 0.5, { ...sides, measured: loaded }),
      atLeast('postgres: the store alone, batches of 1,000', 0.5, { ...sides, measured: written }),
      shape('postgres: the same with client ids', perSecond(withIds, 'rows'), share(withIds)),
      shape('postgres: the store alone, single events', perSecond(singles, 'rows'), share(singles)),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export const postgres: Case = {
  name: 'postgres',
  about: 'the PostgreSQL store, against plain COPY of the same rows into the same table',
  run: measure,
};
