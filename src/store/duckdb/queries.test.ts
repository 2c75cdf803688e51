import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, batchOf, FLIGHTS, limits } from '../conformance/fixtures.ts';
import type { SqlQuery } from '../driver.ts';
import { allRows } from '../reading.ts';
import type { DuckdbStoreDriver } from './driver.ts';
import { inFolder, openStore, unitAt } from './fixtures.ts';

async function withFlights(body: (driver: DuckdbStoreDriver) => Promise<void>): Promise<void> {
  await inFolder(async (dataDir) => {
    const { driver } = await openStore(dataDir);
    const events = Array.from({ length: 100 }, (_, i) => ({
      flight_id: `f${i}`,
      origin: i % 2 ? 'SCL' : "O'H",
      delay: i,
    }));
    await driver.write({ batches: [at(batchOf(FLIGHTS, events))] });
    await body(driver);
    await driver.close();
  });
}

const run = async (driver: DuckdbStoreDriver, text: string, params: SqlQuery['params'] = {}) =>
  allRows(await driver.sql({ text, params }, limits()));

test('an endpoint binds its parameters by name and type, and gives typed columns', async () => {
  await withFlights(async (driver) => {
    const text = `SELECT origin, count(*) AS n, avg(delay) AS delay, sum(delay) AS total, max(_received_at) AS last,
      max(_received_at)::DATE AS day, 1.50::DECIMAL(9,2) AS price, [1, 2] AS list, true AS yes, NULL AS nothing,
      '{"a": 1}'::JSON AS doc, 12345678901234567890::HUGEINT AS big, 'NaN'::DOUBLE AS nan, 'infinity'::TIMESTAMP AS never
      FROM flights f WHERE origin = $origin AND delay < $most GROUP BY origin ORDER BY 1 LIMIT $limit`;
    const params = {
      origin: { type: 'string', value: "O'H" },
      most: { type: 'integer', value: 10 },
      limit: { type: 'integer', value: 5n },
    } as const;
    const stream = await driver.sql({ text, params }, limits());
    const [row] = await allRows(stream);
    const { last, day, ...rest } = Object.fromEntries(stream.columns.map(({ name }, i) => [name, row?.[i] ?? null]));
    assert.deepEqual(rest, {
      origin: "O'H",
      n: 5,
      delay: 4,
      total: 20,
      price: '1.5',
      list: '["1","2"]'.replaceAll('"', ''),
      yes: true,
      nothing: null,
      doc: '{"a": 1}',
      big: 12345678901234567890n,
      nan: null,
      never: null,
    });
    assert.match(String(last), /^2026-01-15T12:00:00\.\d{3}Z$/);
    assert.equal(day, '2026-01-15');
    const types = Object.fromEntries(stream.columns.map(({ name, type }) => [name, type]));
    assert.equal(types.n, 'integer');
    assert.equal(types.last, 'timestamp');
    assert.equal(types.list, 'json');
    assert.equal(types.doc, 'json');
    assert.equal(types.price, 'decimal');
  });
});

test('an endpoint may use CTEs, joins, windows, set operations, dead letters and series', async () => {
  await withFlights(async (driver) => {
    const text = `WITH RECURSIVE late AS (SELECT * FROM flights WHERE delay > 97), steps(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM steps WHERE n < 3)
      SELECT flight_id, row_number() OVER (ORDER BY delay) FROM late JOIN range(2) r ON true
      UNION ALL SELECT 'letters', count(*) FROM _dead_letters UNION ALL SELECT 'steps', max(n) FROM steps`;
    assert.equal((await run(driver, text)).length, 6);
  });
});

const REFUSED = [
  'DELETE FROM flights',
  'SELECT 1; SELECT 2',
  'SELECT 1; DROP TABLE flights',
  'CREATE TABLE x AS SELECT 1',
  "COPY flights TO '/tmp/x'",
  "ATTACH ':memory:' AS other",
  'PRAGMA database_list',
  'SET threads = 1',
  'CALL duckdb_settings()',
  'EXPLAIN ANALYZE DELETE FROM flights',
  'DESCRIBE flights',
  'SUMMARIZE flights',
  'CHECKPOINT',
  "SELECT * FROM '/etc/passwd'",
  "SELECT * FROM read_csv('/etc/passwd')",
  "SELECT * FROM read_text('/proc/self/environ')",
  "SELECT * FROM glob('/*')",
  'SELECT * FROM duckdb_settings()',
  'SELECT * FROM duckdb_databases()',
  'SELECT * FROM information_schema.tables',
  'SELECT * FROM sqlite_master',
  'SELECT * FROM pg_catalog.pg_tables',
  'SELECT * FROM _head',
  'SELECT * FROM _ids_flights',
  'SELECT (SELECT max(progress) FROM _head)',
  'SELECT * FROM flights WHERE EXISTS (SELECT 1 FROM _shapes)',
  'SELECT * FROM checkpoint()',
  'SELECT * FROM enable_logging()',
  "SELECT * FROM query('SELECT 1')",
  "SELECT current_setting('threads')",
  "SELECT getenv('HOME')",
  "SELECT nextval('s')",
  'FROM flights SELECT missing',
  'SELEC 1',
  '',
];

test('what is not one SELECT over declared tables with harmless functions is refused', async () => {
  await withFlights(async (driver) => {
    for (const text of REFUSED) await assert.rejects(run(driver, text), { code: 'sql-failed' }, text);
    assert.deepEqual(await run(driver, 'SELECT count(*) FROM flights'), [[100]]);
  });
});

test('a parameter is a value, whatever it says', async () => {
  await withFlights(async (driver) => {
    for (const value of ["1' OR '1'='1", "'; DROP TABLE flights; --", '$origin', '\u0000', '{{x}}']) {
      const found = await run(driver, 'SELECT * FROM flights WHERE origin = $origin', {
        origin: { type: 'string', value },
      });
      assert.deepEqual(found, []);
    }
    assert.deepEqual(await run(driver, 'SELECT count(*) FROM flights'), [[100]]);
  });
});

test('a query that takes too long or is no longer wanted is interrupted, and the next one runs', async () => {
  await withFlights(async (driver) => {
    const slow = {
      text: 'SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3',
      params: {},
    };
    const started = performance.now();
    await assert.rejects(async () => allRows(await driver.sql(slow, limits({ timeoutMs: 100 }))), {
      code: 'query-timeout',
    });
    assert.ok(performance.now() - started < 5_000);
    const controller = new AbortController();
    const aborted = driver.sql(slow, limits({ signal: controller.signal })).then(allRows);
    controller.abort();
    await assert.rejects(aborted, { name: 'AbortError' });
    assert.deepEqual(await run(driver, 'SELECT 1'), [[1]]);
  });
});

test('a query beyond the memory limit fails alone', async () => {
  await withFlights(async (driver) => {
    const text = 'SELECT list(a.range) FROM range(200000000) a';
    await assert.rejects(run(driver, text), { code: 'query-memory' });
    assert.deepEqual(await run(driver, 'SELECT 1'), [[1]]);
  });
});

test('more readers than connections wait their turn, also while units are written', async () => {
  await withFlights(async (driver) => {
    const reads = Array.from({ length: 40 }, () =>
      run(driver, "SELECT sum(delay) FROM flights WHERE flight_id LIKE 'f%'"),
    );
    const writes = Array.from({ length: 5 }, (_, i) => driver.write({ batches: [unitAt(10_000_000 + i)] }));
    const found = await Promise.all(reads);
    await Promise.all(writes);
    assert.deepEqual(new Set(found.map(String)), new Set(['4950']));
  });
});

test('streams that nobody reads give their connections back when their time is up', async () => {
  await withFlights(async (driver) => {
    const query = { text: 'SELECT * FROM range(100000)', params: {} };
    const unread = await Promise.all(Array.from({ length: 8 }, () => driver.sql(query, limits({ timeoutMs: 200 }))));
    assert.deepEqual(await run(driver, 'SELECT 1'), [[1]]);
    await assert.rejects(allRows(unread[0] ?? assert.fail()), { code: 'query-timeout' });
  });
});
