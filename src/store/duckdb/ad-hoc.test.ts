import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { limits } from '../conformance/fixtures.ts';
import type { AdHocLimits, SqlQuery } from '../driver.ts';
import { allRows } from '../reading.ts';
import type { DuckdbStoreDriver } from './driver.ts';
import { inFolder, openStore, unitAt } from './fixtures.ts';

const MiB = 1024 * 1024;
const adHocLimits = (more: Partial<AdHocLimits> = {}): AdHocLimits => ({
  ...limits(),
  timeoutMs: 30_000,
  maxAgeMs: 0,
  memoryBytes: 256 * MiB,
  ...more,
});

const run = async (
  driver: DuckdbStoreDriver,
  text: string,
  { params = {}, ...more }: Partial<AdHocLimits> & { params?: SqlQuery['params'] } = {},
) => allRows(await driver.adHoc({ text, params }, adHocLimits(more)));

async function withUnits(body: (driver: DuckdbStoreDriver, dataDir: string) => Promise<void>): Promise<void> {
  await inFolder(async (dataDir) => {
    const { driver, fatal } = await openStore(dataDir);
    await driver.write({ batches: [unitAt(1), unitAt(2)] });
    await body(driver, dataDir);
    await driver.close();
    assert.deepEqual(fatal, []);
  });
}

test('a query of a caller reads the datasets, with typed columns and bound values', async () => {
  await withUnits(async (driver) => {
    const text = `SELECT count(*) AS n, 12345678901234567890::HUGEINT AS big, max(_received_at) AS last, 1.50::DECIMAL(9,2) AS price,
      [1, 2] AS list, true AS yes, NULL AS nothing, $text AS said FROM flights WHERE delay <= $most OR delay IS NULL`;
    const params = {
      most: { type: 'integer', value: 2n },
      text: { type: 'string', value: "'; DROP TABLE flights; --" },
    } as const;
    const stream = await driver.adHoc({ text, params }, adHocLimits());
    const [row] = await allRows(stream);
    assert.deepEqual(
      stream.columns.map(({ type }) => type),
      ['integer', 'integer', 'timestamp', 'decimal', 'json', 'boolean', 'integer', 'string'],
    );
    const [n, big, last, ...rest] = row ?? [];
    assert.deepEqual([n, big, ...rest], [4, 12345678901234567890n, '1.5', '[1,2]', true, null, params.text.value]);
    assert.match(String(last), /^2026-01-15T12:00:00/);
  });
});

const HARMLESS = [
  `WITH RECURSIVE steps(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM steps WHERE n < 3) SELECT max(n) FROM steps`,
  `SELECT flight_id, row_number() OVER (ORDER BY delay), rank() OVER w FROM flights WINDOW w AS (ORDER BY flight_id)`,
  `SELECT list_transform([1, 2], lambda x: x + 1), date_trunc('month', now()), '{"a":1}'::JSON->>'a', 'a' LIKE '%', 7 // 2`,
  `SELECT regexp_replace('abc', 'b', 'x'), strftime(DATE '2026-01-01', '%Y'), extract(year FROM DATE '2026-01-01')`,
  `SELECT count(*) FROM _dead_letters UNION ALL SELECT count(*) FROM _transactions`,
  `SELECT unnest([1, 2]), r.range FROM range(2) r`,
  `SELECT sum(delay) FILTER (WHERE delay > 0), median(delay), quantile_cont(delay, 0.9) FROM flights GROUP BY ALL`,
];

test('what people ask is allowed: windows, CTEs, lambdas, JSON, dates, text, aggregates', async () => {
  await withUnits(async (driver) => {
    for (const text of HARMLESS) assert.ok((await run(driver, text)).length > 0, text);
  });
});

const REFUSED = [
  ['INSERT INTO flights (flight_id) VALUES (1)', 'statement-not-allowed'],
  ['SELECT 1; SELECT 2', 'statement-not-allowed'],
  ["SELECT * FROM read_csv('/etc/passwd')", 'function-not-allowed'],
  ['SELECT * FROM _head', 'sql-failed'],
  ['SELECT missing FROM flights', 'sql-failed'],
  ['SELECT $given', 'sql-failed'],
  [`SELECT ${'abs('.repeat(3_000)}1${')'.repeat(3_000)}`, 'sql-failed'],
] as const;

test('what is refused is refused in its own process, and the next query runs', async () => {
  await withUnits(async (driver) => {
    for (const [text, code] of REFUSED) {
      await assert.rejects(run(driver, text, { maxAgeMs: 60_000 }), { code }, text.slice(0, 100));
    }
    assert.deepEqual(await run(driver, 'SELECT count(*) FROM flights'), [[4]]);
  });
});

const RUNAWAYS = [
  'SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3',
  'WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t',
  "SELECT levenshtein(repeat('a', 60000), repeat('b', 60000))",
];

test('a query that would run for ever ends at its limit, whether it can be interrupted or not', async () => {
  await withUnits(async (driver, dataDir) => {
    for (const text of RUNAWAYS) {
      await assert.rejects(run(driver, text, { timeoutMs: 2_500, maxAgeMs: 60_000 }), { code: 'query-timeout' }, text);
    }
    assert.deepEqual(await run(driver, 'SELECT 1', { maxAgeMs: 60_000 }), [[1]]);
    await eventually(async () => {
      const left = await readdir(join(dataDir, 'duckdb/azud.duckdb.ad-hoc-temp')).catch(() => []);
      assert.deepEqual(left, []);
    });
  });
});

test('a query that nobody waits for any more is ended', async () => {
  await withUnits(async (driver) => {
    const controller = new AbortController();
    const stream = await driver.adHoc(
      { text: 'SELECT range FROM range(100000000)', params: {} },
      adHocLimits({ signal: controller.signal }),
    );
    const reading = allRows(stream);
    controller.abort();
    await assert.rejects(reading, { name: 'AbortError' });
  });
});

test('a query that needs too much memory fails alone, also where the engine does not count it', async () => {
  await withUnits(async (driver) => {
    for (const text of ['SELECT list(range) FROM range(200000000)', "SELECT length(repeat('x', 2000000000))"]) {
      const limited = { memoryBytes: 64 * MiB, maxAgeMs: 60_000 };
      await assert.rejects(run(driver, text, limited), { code: 'query-memory' }, text);
    }
    assert.deepEqual(await run(driver, 'SELECT 1', { maxAgeMs: 60_000 }), [[1]]);
  });
});

test('a result beyond the bound is refused before it fills anything', async () => {
  await withUnits(async (driver) => {
    await assert.rejects(run(driver, "SELECT repeat('x', 1000), range FROM range(1000000)"), {
      code: 'result-too-large',
    });
  });
});

test('the copy is made when it is too old and something was written since, once for all who ask', async () => {
  await withUnits(async (driver) => {
    const count = async (maxAgeMs: number) => {
      const rows = await driver.adHoc({ text: 'SELECT count(*) FROM flights', params: {} }, adHocLimits({ maxAgeMs }));
      return { asOf: rows.asOf ?? 0, count: (await allRows(rows))[0]?.[0] };
    };
    const [first, second] = await Promise.all([count(0), count(0)]);
    assert.deepEqual([first?.count, second?.count, first?.asOf], [4, 4, second?.asOf]);
    await driver.write({ batches: [unitAt(3)] });
    const kept = await count(60_000);
    assert.deepEqual(kept, first, 'young enough');
    await eventually(async () => assert.equal((await count(0)).count, 6));
    const again = await count(0);
    assert.ok(again.asOf > kept.asOf);
  });
});

test('the copy goes with the store, and what a crash left is gone after the next opening', async () => {
  await inFolder(async (dataDir) => {
    const copies = async () => (await readdir(join(dataDir, 'duckdb'))).filter((name) => name.includes('ad-hoc'));
    const first = await openStore(dataDir);
    await run(first.driver, 'SELECT 1');
    assert.ok((await copies()).includes('azud.duckdb.ad-hoc'));
    await first.driver.close();
    assert.deepEqual(await copies(), []);
    for (const name of ['azud.duckdb.ad-hoc', 'azud.duckdb.ad-hoc.part']) {
      await writeFile(join(dataDir, 'duckdb', name), 'left by a crash');
    }
    await mkdir(join(dataDir, 'duckdb/azud.duckdb.ad-hoc-temp/7'), { recursive: true });
    const second = await openStore(dataDir);
    assert.deepEqual(await copies(), []);
    assert.deepEqual(await run(second.driver, 'SELECT 1'), [[1]]);
    await second.driver.close();
  });
});
