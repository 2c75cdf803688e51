import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SqlQuery, StoreDriver } from '../driver.ts';
import { allRows } from '../reading.ts';
import { at, batchOf, FLIGHTS, limits, T0 } from './fixtures.ts';

export interface QueryHarness {
  /** Runs the body on a store of its own that holds `fill`, and removes it. */
  withFlights(body: (driver: SqlDriver) => Promise<void>): Promise<void>;
  /** Reads that it can answer at once. */
  readonly connections: number;
  /** A SELECT that takes minutes and reads no table. */
  readonly slow: string;
  /** What this store must refuse besides what all do. */
  readonly refused: readonly string[];
}

/** A store that answers SQL. */
export type SqlDriver = StoreDriver & { readonly sql: NonNullable<StoreDriver['sql']> };

/** A hundred flights: every second one from `O'H`, the delay is its number. */
export async function fill(driver: StoreDriver): Promise<void> {
  const events = Array.from({ length: 100 }, (_, i) => ({
    flight_id: `f${i}`,
    origin: i % 2 ? 'SCL' : "O'H",
    delay: i,
  }));
  await driver.write({ batches: [at(batchOf(FLIGHTS, events, { receivedAt: T0 }))] });
}

export async function run(driver: SqlDriver, text: string, params: SqlQuery['params'] = {}) {
  return allRows(await driver.sql({ text, params }, limits()));
}

const REFUSED = [
  'DELETE FROM flights',
  'SELECT 1; SELECT 2',
  'SELECT 1; DROP TABLE flights',
  'CREATE TABLE x AS SELECT 1',
  'EXPLAIN ANALYZE DELETE FROM flights',
  "SELECT nextval('s')",
  'SELECT missing FROM flights',
  'SELEC 1',
  '',
];

/** What an endpoint's SQL may do and what becomes of it is the same in every store that answers SQL. */
export function queryCases({ withFlights, connections, slow, refused }: QueryHarness): void {
  test('what is not one SELECT that only reads is refused', async () => {
    await withFlights(async (driver) => {
      for (const text of [...REFUSED, ...refused]) {
        await assert.rejects(run(driver, text), { code: 'sql-failed' }, text);
      }
      assert.deepEqual(await run(driver, 'SELECT count(*) FROM flights'), [[100]]);
    });
  });

  test('a parameter is a value, whatever it says', async () => {
    await withFlights(async (driver) => {
      const text = 'SELECT * FROM flights WHERE origin = $origin';
      for (const value of ["1' OR '1'='1", "'; DROP TABLE flights; --", '$origin', '\\', '{{x}}']) {
        assert.deepEqual(await run(driver, text, { origin: { type: 'string', value } }), []);
      }
      assert.deepEqual(await run(driver, 'SELECT count(*) FROM flights'), [[100]]);
    });
  });

  test('a query that takes too long or is no longer wanted is ended, and the next one runs', async () => {
    await withFlights(async (driver) => {
      const query = { text: slow, params: {} };
      const late = async () => allRows(await driver.sql(query, limits({ timeoutMs: 100 })));
      const begun = performance.now();
      await assert.rejects(late, { code: 'query-timeout' });
      assert.ok(performance.now() - begun < 5_000);
      const controller = new AbortController();
      const aborted = driver.sql(query, limits({ signal: controller.signal })).then(allRows);
      controller.abort();
      await assert.rejects(aborted, { name: 'AbortError' });
      assert.deepEqual(await run(driver, 'SELECT 1'), [[1]]);
    });
  });

  test('streams that nobody reads give their connections back when their time is up', async () => {
    await withFlights(async (driver) => {
      const query = { text: 'SELECT * FROM generate_series(1, 100000)', params: {} };
      const first = await driver.sql(query, limits({ timeoutMs: 1_000 }));
      const others = Array.from({ length: connections - 1 }, () => driver.sql(query, limits({ timeoutMs: 60_000 })));
      const streams = await Promise.all(others);
      // Its connection can only be that of the first.
      assert.deepEqual(await run(driver, 'SELECT 1'), [[1]]);
      await assert.rejects(allRows(first), { code: 'query-timeout' });
      for (const stream of streams) assert.equal((await allRows(stream)).length, 100_000);
    });
  });
}
