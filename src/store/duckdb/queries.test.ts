import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../conformance/fixtures.ts';
import { fill, queryCases, run } from '../conformance/queries.ts';
import { allRows } from '../reading.ts';
import type { DuckdbStoreDriver } from './driver.ts';
import { inFolder, openStore, unitAt } from './fixtures.ts';

async function withFlights(body: (driver: DuckdbStoreDriver) => Promise<void>): Promise<void> {
  await inFolder(async (dataDir) => {
    const { driver } = await openStore(dataDir);
    await fill(driver);
    await body(driver);
    await driver.close();
  });
}

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

test('columns of one name are told apart', async () => {
  await withFlights(async (driver) => {
    const text = 'SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS b, 5 AS a';
    const stream = await driver.sql({ text, params: {} }, limits());
    assert.deepEqual(await allRows(stream), [[1, 2, 3, 4, 5]]);
    assert.deepEqual(
      stream.columns.map(({ name }) => name),
      ['a', 'a_3', 'a_2', 'b', 'a_4'],
    );
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

queryCases({
  withFlights,
  connections: 8,
  slow: 'SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3',
  // Only declared tables and harmless functions may be named.
  refused: [
    "COPY flights TO '/tmp/x'",
    "ATTACH ':memory:' AS other",
    'PRAGMA database_list',
    'SET threads = 1',
    'CALL duckdb_settings()',
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
    'FROM flights SELECT missing',
  ],
});

test('a text with U+0000 is a value like any other', async () => {
  await withFlights(async (driver) => {
    const text = 'SELECT * FROM flights WHERE origin = $origin';
    assert.deepEqual(await run(driver, text, { origin: { type: 'string', value: '\0' } }), []);
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
