import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { asSuperuser, POSTGRES_URL } from '../../../test/support/postgres.ts';
import { withStore } from '../../../test/support/postgres-store.ts';
import { Metrics } from '../../telemetry/metrics.ts';
import { at, batchOf, datasetOf, FLIGHTS, limits, read } from '../conformance/fixtures.ts';
import { fill, queryCases, run } from '../conformance/queries.ts';
import { allRows } from '../reading.ts';
import { PostgresStoreDriver } from './driver.ts';
import { numbered } from './queries.ts';

const CONNECTIONS = 4;
const SLOW = 'SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b';

function withFlights(body: (driver: PostgresStoreDriver, schema: string) => Promise<void>): Promise<void> {
  return withStore({ pool_size: CONNECTIONS }, async (driver, schema) => {
    await fill(driver);
    await body(driver, schema);
  });
}

test('an endpoint binds its parameters by name and type, and gives typed columns', async () => {
  await withFlights(async (driver) => {
    const text = `SELECT origin, count(*) AS n, avg(delay) AS delay, sum(delay) AS total, max(_received_at) AS last,
      max(_received_at)::date AS day, 1.50::numeric(9,2) AS price, to_json(ARRAY[1, 2]) AS list, true AS yes, NULL AS nothing,
      '{"a": 1}'::json AS doc, 12345678901234567890 AS big, 'NaN'::double precision AS nan, 'infinity'::timestamp AS never,
      '\\x00ff'::bytea AS bytes, 12345678901234567890.5::numeric(38,18) AS exact, sum(1.5::numeric(38,18)) AS decimals
      FROM flights f WHERE origin = $origin AND delay < $most GROUP BY origin ORDER BY 1 LIMIT $limit`;
    const params = {
      origin: { type: 'string', value: "O'H" },
      most: { type: 'integer', value: 10 },
      limit: { type: 'integer', value: 5n },
    } as const;
    const stream = await driver.sql({ text, params }, limits());
    const [row] = await allRows(stream);
    assert.deepEqual(Object.fromEntries(stream.columns.map(({ name }, i) => [name, row?.[i] ?? null])), {
      origin: "O'H",
      n: 5,
      delay: 4,
      total: 20,
      last: '2026-01-15T12:00:00.000Z',
      day: '2026-01-15',
      price: '1.5',
      list: '[1,2]',
      yes: true,
      nothing: null,
      doc: '{"a": 1}',
      big: 12345678901234567890n,
      nan: null,
      never: null,
      bytes: 'AP8=',
      exact: '12345678901234567890.5',
      decimals: '7.5',
    });
    const types = Object.fromEntries(stream.columns.map(({ name, type }) => [name, type]));
    assert.deepEqual(
      [types.n, types.delay, types.total, types.last, types.list, types.price, types.big, types.decimals],
      ['integer', 'number', 'integer', 'timestamp', 'json', 'decimal', 'integer', 'decimal'],
    );
  });
});

test('a text parameter takes the type of the column it is compared with, and may stand twice or alone', async () => {
  await withFlights(async (driver) => {
    const [first] = await read(driver, FLIGHTS, { limit: 1 });
    const id = { type: 'string', value: first?._transaction_id ?? null } as const;
    assert.deepEqual(await run(driver, 'SELECT count(*) FROM flights WHERE _transaction_id = $id', { id }), [[100]]);
    const origin = { type: 'string', value: null } as const;
    const optional = 'SELECT count(*) FROM flights WHERE $origin IS NULL OR origin = $origin';
    assert.deepEqual(await run(driver, optional, { origin }), [[100]]);
  });
});

test('placeholders are found outside strings, names and comments only', () => {
  const a = { type: 'string', value: 'v' } as const;
  const text = `SELECT $a, '$a', E'\\'$a', "$a", $t$ $a $t$, $$ $a $$ -- $a\n, /* $a */ $a`;
  const { text: found, values } = numbered({ text, params: { a } });
  assert.equal(found, `SELECT $1::text, '$a', E'\\'$a', "$a", $t$ $a $t$, $$ $a $$ -- $a\n, /* $a */ $1::text`);
  assert.deepEqual(values, ['v']);
  assert.throws(() => numbered({ text: 'SELECT $toString', params: {} }), { code: 'sql-failed' });
});

queryCases({
  withFlights,
  connections: CONNECTIONS,
  slow: SLOW,
  refused: [
    'WITH gone AS (DELETE FROM flights RETURNING 1) SELECT * FROM gone',
    'SELECT 1 INTO x',
    "COPY flights TO PROGRAM 'cat'",
    'COPY flights TO STDOUT',
    'SET statement_timeout = 0',
    "SELECT set_config('transaction_read_only', 'off', false)",
    'SELECT * FROM flights FOR UPDATE',
    'VACUUM',
    'CALL x()',
    'BEGIN',
    'PREPARE x AS SELECT 1',
  ],
});

test('a text with U+0000, which PostgreSQL has not, is refused by the name of its parameter or column', async () => {
  await withFlights(async (driver) => {
    const nothing = run(driver, 'SELECT $origin', { origin: { type: 'string', value: '\0' } });
    const refused = { code: 'invalid-parameter', path: 'origin', message: /^"origin" holds U\+0000/ };
    await assert.rejects(nothing, refused);
    for (const value of ['a\0b', ['LAX', '\0']]) {
      const where = [{ column: 'origin', operator: typeof value === 'string' ? 'eq' : 'in', value } as const];
      const query = { table: 'flights', select: FLIGHTS.columns, where, order: [], after: null, limit: 1 };
      await assert.rejects(driver.rows(query, limits()), refused);
    }
  });
});

test('a cancelled query leaves nothing behind on the server', async () => {
  await withFlights(async (driver) => {
    const late = async () => allRows(await driver.sql({ text: SLOW, params: {} }, limits({ timeoutMs: 100 })));
    await assert.rejects(late, { code: 'query-timeout' });
    const busy = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'FETCH%'`;
    await eventually(async () => assert.deepEqual(await asSuperuser(busy), [{ n: 0 }]));
  });
});

test('more readers than connections wait their turn, and metrics count the connections', async () => {
  const metrics = new Metrics();
  await withStore({}, async (_, schema) => {
    const driver = new PostgresStoreDriver({ kind: 'postgres', url: POSTGRES_URL, schema, pool_size: 3 }, { metrics });
    await driver.open([FLIGHTS], { allowDestructive: false, onStep: () => {} });
    await fill(driver);
    const sums = Array.from({ length: 40 }, () => run(driver, 'SELECT sum(delay) FROM flights'));
    assert.deepEqual(new Set((await Promise.all(sums)).map(String)), new Set(['4950']));
    const text = await metrics.expose();
    assert.match(text, /db_client_connection_max\{pool="read"\} 3/);
    assert.match(text, /db_client_connection_count\{pool="read",db_client_connection_state="idle"\} 3/);
    assert.match(text, /db_client_connection_pending_requests\{pool="read"\} 0/);
    await driver.close();
  });
});

test('a large result is fetched piece by piece, every row once', async () => {
  await withFlights(async (driver) => {
    const rows = await run(driver, 'SELECT i FROM generate_series(1, 6000) AS i');
    assert.equal(new Set(rows.map(String)).size, 6_000);
  });
});

test('a reader of its own reads datasets, dead letters and receipts, and nothing else', async () => {
  const reader = `azud_reader_${process.pid}`;
  await asSuperuser(`CREATE ROLE ${reader} LOGIN`);
  try {
    await withStore({ reader }, async (driver) => {
      await fill(driver);
      assert.equal((await read(driver, FLIGHTS)).length, 100);
      assert.deepEqual(await run(driver, 'SELECT count(*), current_user::text FROM _transactions'), [[1, reader]]);
      for (const table of ['_ids', '_ledger', '_progress', 'pg_authid']) {
        await assert.rejects(run(driver, `SELECT * FROM ${table}`), { code: 'sql-failed' }, table);
      }
      await asSuperuser(`DROP OWNED BY ${reader}`);
    });
  } finally {
    await asSuperuser(`DROP ROLE IF EXISTS ${reader}`);
  }
});

test('a JSON column is compared by its exact text', async () => {
  const docs = datasetOf('docs', { doc: 'json' });
  await withStore({ datasets: [docs] }, async (driver) => {
    await driver.write({ batches: [at(batchOf(docs, ['{"doc":{"a": 1}}', '{"doc":{"a":1}}']))] });
    const found = await read(driver, docs, { where: [{ column: 'doc', operator: 'eq', value: '{"a":1}' }] });
    assert.deepEqual(
      found.map(({ doc }) => doc),
      ['{"a":1}'],
    );
  });
});
