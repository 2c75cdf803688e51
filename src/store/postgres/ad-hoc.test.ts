import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { asSuperuser } from '../../../test/support/postgres.ts';
import { withStore } from '../../../test/support/postgres-store.ts';
import { at, batchOf, FLIGHTS, limits } from '../conformance/fixtures.ts';
import type { AdHocLimits, SqlQuery } from '../driver.ts';
import { allRows } from '../reading.ts';
import type { PostgresStoreDriver } from './driver.ts';

const adHocLimits = (more: Partial<AdHocLimits> = {}): AdHocLimits => ({
  ...limits(),
  maxAgeMs: 0,
  memoryBytes: 0,
  ...more,
});
const run = async (driver: PostgresStoreDriver, text: string, params: SqlQuery['params'] = {}) =>
  allRows(await driver.adHoc({ text, params }, adHocLimits()));

async function withReader(body: (driver: PostgresStoreDriver, reader: string) => Promise<void>): Promise<void> {
  const reader = `azud_ad_hoc_${process.pid}`;
  await asSuperuser(`CREATE ROLE ${reader} LOGIN`);
  try {
    await withStore({ reader }, async (driver) => {
      await driver.write({ batches: [at(batchOf(FLIGHTS, [{ flight_id: 'a', delay: 1 }, { flight_id: 'b' }]))] });
      await body(driver, reader);
      await asSuperuser(`DROP OWNED BY ${reader}`);
    });
  } finally {
    await asSuperuser(`DROP ROLE IF EXISTS ${reader}`);
  }
}

test('a query of a caller runs as the reader, of now, and nothing of its session is left for the next', async () => {
  await withReader(async (driver, reader) => {
    const text = 'SELECT count(*), current_user::text, $x FROM flights';
    const rows = await driver.adHoc({ text, params: { x: { type: 'string', value: "'--" } } }, adHocLimits());
    assert.equal(rows.asOf, null);
    assert.deepEqual(await allRows(rows), [[2, reader, "'--"]]);
    const sessions = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'azud ad_hoc' AND usename = '${reader}'`;
    await eventually(async () => assert.deepEqual(await asSuperuser(sessions), [{ n: 0 }]));
  });
});

const REFUSED = [
  ['DELETE FROM flights', 'statement-not-allowed'],
  ['WITH gone AS (DELETE FROM flights RETURNING 1) SELECT * FROM gone', 'statement-not-allowed'],
  ['SELECT 1; SELECT 2', 'statement-not-allowed'],
  ['SELECT 1 INTO x', 'statement-not-allowed'],
  ['SET statement_timeout = 0', 'statement-not-allowed'],
  ['/* x */ (COPY flights TO STDOUT)', 'statement-not-allowed'],
  ['SELECT * FROM _ids', 'statement-not-allowed'],
  ['SELECT * FROM pg_authid', 'statement-not-allowed'],
  ['SELECT usename FROM pg_user', 'statement-not-allowed'],
  ['SELECT 1 FROM flights, ("pg_catalog" . "pg_roles")', 'statement-not-allowed'],
  ['SELECT * FROM information_schema.tables', 'statement-not-allowed'],
  ["SELECT set_config('transaction_read_only', 'off', false)", 'function-not-allowed'],
  ["SELECT pg_read_file('/etc/passwd')", 'function-not-allowed'],
  ['SELECT pg_advisory_lock(1)', 'function-not-allowed'],
  ['SELECT "pg_terminate_backend" (1)', 'function-not-allowed'],
  ['SELECT pg_catalog . pg_sleep(1)', 'function-not-allowed'],
  ["SELECT lo_import('/etc/passwd')", 'function-not-allowed'],
  ["SELECT query_to_xml('SELECT 1', true, true, '')", 'function-not-allowed'],
  ['SELECT U&"pg\\005fsleep"(1)', 'sql-failed'],
  ['SELECT missing FROM flights', 'sql-failed'],
  ['SELEC 1', 'sql-failed'],
] as const;

test('what is no single SELECT, or reaches beyond the datasets, is refused', async () => {
  await withReader(async (driver) => {
    for (const [text, code] of REFUSED) await assert.rejects(run(driver, text), { code }, text);
    assert.deepEqual(await run(driver, "SELECT 'pg_sleep(1)', count(*) FROM flights -- DROP TABLE x"), [
      ['pg_sleep(1)', 2],
    ]);
  });
});

test('a query that takes too long is cancelled at its limit', async () => {
  await withReader(async (driver) => {
    const text = 'SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b';
    const late = async () => allRows(await driver.adHoc({ text, params: {} }, adHocLimits({ timeoutMs: 300 })));
    await assert.rejects(late, { code: 'query-timeout' });
    assert.deepEqual(await run(driver, 'SELECT 1'), [[1]]);
  });
});

test('without a reader there is no ad-hoc SQL: the user that writes may do too much', async () => {
  await withStore({}, async (driver) => {
    await assert.rejects(run(driver, 'SELECT 1'), { code: 'sql-not-supported' });
  });
});
