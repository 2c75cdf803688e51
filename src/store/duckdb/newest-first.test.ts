import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchOf, FLIGHTS, limits, T0 } from '../conformance/fixtures.ts';
import type { RowsQuery, Value } from '../driver.ts';
import { allRows } from '../reading.ts';
import type { DuckdbStoreDriver } from './driver.ts';
import { inFolder, openStore } from './fixtures.ts';
import { looksBack, timeOf } from './newest-first.ts';

const ORDER = [
  { column: '_received_at', descending: true },
  { column: '_event_id', descending: true },
];
const QUERY: RowsQuery = { table: 'flights', select: [], where: [], order: ORDER, after: null, limit: 10 };
const YEAR_MS = 366 * 24 * 3600 * 1000;

test('looks go further back each time, to a year', () => {
  const looks = [...looksBack(QUERY, '_received_at', T0)];
  assert.equal(looks[0], T0 - 10);
  assert.ok(looks.every((ms, n) => n === 0 || ms < (looks[n - 1] ?? 0)));
  assert.ok((looks.at(-1) ?? 0) > T0 - YEAR_MS && (looks.at(-1) ?? 0) < T0 - YEAR_MS / 17);
  assert.deepEqual([...looksBack(QUERY, '_received_at', 0)], [], 'nothing is stored');
});

test('they begin at what the query itself says is the latest', () => {
  const first = (more: Partial<RowsQuery>) => looksBack({ ...QUERY, ...more }, '_received_at', T0).next().value;
  const at = (ms: number) => new Date(ms).toISOString();
  assert.equal(first({ after: [at(T0 - 5_000), 'x'] }), T0 - 5_010);
  assert.equal(first({ where: [{ column: '_received_at', operator: 'lt', value: at(T0 - 7_000) }] }), T0 - 7_010);
  assert.equal(first({ where: [{ column: 'delay', operator: 'lt', value: 5 }] }), T0 - 10);
});

test('they end at what the query itself says is the earliest', () => {
  const value = new Date(T0 - 200).toISOString();
  const looks = looksBack(
    { ...QUERY, where: [{ column: '_received_at', operator: 'gte', value }] },
    '_received_at',
    T0,
  );
  assert.deepEqual([...looks], [T0 - 10, T0 - 160]);
});

test('only what is ordered by falling times is looked for so', () => {
  assert.equal(timeOf(QUERY), '_received_at');
  assert.equal(timeOf({ ...QUERY, order: [{ column: '_received_at', descending: false }] }), null);
  assert.equal(timeOf({ ...QUERY, order: [{ column: 'delay', descending: true }, ...ORDER] }), null);
});

/** Rows of 60 batches, each further back than the one after it: from 1 ms to 3 years. */
async function fill(driver: DuckdbStoreDriver): Promise<void> {
  const ages = Array.from({ length: 60 }, (_, n) => Math.round((3 * YEAR_MS) ** (n / 59)));
  const batches = ages.toReversed().map((ageMs, n) => {
    const events = Array.from({ length: 80 }, (_, i) => ({ flight_id: `${n} ${i}`, delay: i }));
    const batch = batchOf(FLIGHTS, events, { receivedAt: T0 - ageMs });
    return { batch, position: { stream: 'test', offset: n + 1 }, dead: new Map() };
  });
  await driver.write({ batches });
}

/** Page after page until one is short. */
async function walk(driver: DuckdbStoreDriver, limit: number, where: RowsQuery['where'] = []): Promise<Value[][]> {
  const columns = [
    { name: '_received_at', type: 'timestamp' },
    { name: '_event_id', type: 'string' },
  ] as const;
  const walked: Value[][] = [];
  for (let after: readonly Value[] | null = null; ; after = walked.at(-1) ?? null) {
    const query = { ...QUERY, select: columns, where, after, limit };
    const page = await allRows(await driver.rows(query, limits()));
    walked.push(...page.map((row) => [...row]));
    if (page.length < limit) return walked;
  }
}

test('pages of every size hold every row once, the newest first', async () => {
  await inFolder(async (folder) => {
    const { driver } = await openStore(folder);
    await fill(driver);
    const all = await walk(driver, 10_000);
    assert.equal(all.length, 4_800);
    assert.deepEqual(
      all,
      all.toSorted(([a, b], [c, d]) => (`${a} ${b}` < `${c} ${d}` ? 1 : -1)),
    );
    for (const limit of [101, 2_048, 3_000]) assert.deepEqual(await walk(driver, limit), all, `${limit} a page`);
    const rare = await walk(driver, 7, [{ column: 'delay', operator: 'eq', value: 3 }]);
    assert.equal(rare.length, 60);
    await driver.close();
  });
});
