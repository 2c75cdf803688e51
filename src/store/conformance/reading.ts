import assert from 'node:assert/strict';
import type { Condition, Order, StoreDriver, Value } from '../driver.ts';
import { allRows } from '../reading.ts';
import { at, batchOf, datasetOf, limits, read, type StoreHarness, T0 } from './fixtures.ts';
import { storeTest } from './with-store.ts';

const THINGS = datasetOf('things', {
  name: 'string',
  size: 'integer',
  weight: 'number',
  price: 'decimal',
  open: 'boolean',
  seen: 'timestamp',
  day: 'date',
  ref: 'uuid',
  doc: 'json',
});
const UUIDS = ['018f0000-0000-7000-8000-00000000000a', '018f0000-0000-7000-8000-00000000000b'] as const;

/** Five rows; the last has nulls everywhere. */
const EVENTS = [
  {
    name: 'ant',
    size: 1,
    weight: 0.5,
    price: '9.5',
    open: true,
    seen: '2026-01-01T00:00:00Z',
    day: '2026-01-01',
    ref: UUIDS[0],
    doc: {},
  },
  {
    name: 'Bee',
    size: 20,
    weight: 1.5,
    price: '10',
    open: false,
    seen: '2026-01-01T00:00:00.000001Z',
    day: '2026-01-02',
    ref: UUIDS[1],
    doc: [],
  },
  {
    name: 'cat_a',
    size: 300,
    weight: -2,
    price: '-1',
    open: true,
    seen: '2026-01-02T00:00:00+05:00',
    day: '2026-01-03',
    ref: UUIDS[1],
    doc: 1,
  },
  {
    name: 'é100%',
    size: 300,
    weight: 1e10,
    price: '100',
    open: false,
    seen: '2026-02-01T00:00:00Z',
    day: '2026-01-03',
    ref: UUIDS[0],
    doc: 'x',
  },
  {},
];
const IDS = ['r0', 'r1', 'r2', 'r3', 'r4'];

type Expectation = readonly [condition: Condition, ids: readonly number[]];
const where = (
  column: string,
  operator: Condition['operator'],
  value: Condition['value'],
  ...ids: number[]
): Expectation => [{ column, operator, value }, ids];

const EXPECTATIONS: readonly Expectation[] = [
  where('name', 'eq', 'ant', 0),
  where('name', 'ne', 'ant', 1, 2, 3),
  where('name', 'gt', 'ant', 2, 3),
  where('name', 'in', ['ant', 'é100%', "'; --"], 0, 3),
  where('name', 'in', []),
  where('name', 'like', '%t%', 0, 2),
  where('name', 'like', 'cat_a', 2),
  where('name', 'like', '\\%'),
  where('name', 'like', 'é___\u0025', 3),
  where('name', 'is', null, 4),
  where('size', 'eq', 300, 2, 3),
  where('size', 'lt', 20, 0),
  where('size', 'lte', 20n, 0, 1),
  where('size', 'gte', 20, 1, 2, 3),
  where('weight', 'gt', 1, 1, 3),
  where('price', 'lt', '10', 0, 2),
  where('price', 'eq', '10.0', 1),
  where('open', 'is', true, 0, 2),
  where('open', 'is', false, 1, 3),
  where('open', 'eq', false, 1, 3),
  where('seen', 'eq', '2026-01-01T00:00:00.000Z', 0),
  where('seen', 'gt', '2026-01-01T00:00:00.000Z', 1, 2, 3),
  where('seen', 'lt', '2026-01-01T19:00:00.000Z', 0, 1),
  where('day', 'gte', '2026-01-02', 1, 2, 3),
  where('ref', 'eq', UUIDS[0], 0, 3),
  where('_event_id', 'eq', 'r2', 2),
  where('_event_id', 'in', ['r2', 'r3'], 2, 3),
  where('_received_at', 'gte', new Date(T0).toISOString(), 0, 1, 2, 3, 4),
];

async function fill(driver: StoreDriver): Promise<void> {
  await driver.write({ batches: [at(batchOf(THINGS, EVENTS, { ids: IDS, receivedAt: T0 }))] });
}

const idsOf = (rows: readonly Record<string, Value>[]) => rows.map((row) => row._event_id);

export function readingCases(harness: StoreHarness): void {
  filterCases(harness);
  orderCases(harness);
  limitCases(harness);
}

function filterCases(harness: StoreHarness): void {
  storeTest(
    harness,
    { name: 'every operator on every type finds exactly its rows', datasets: [THINGS] },
    async ({ driver }) => {
      await fill(driver);
      for (const [condition, expected] of EXPECTATIONS) {
        const rows = await read(driver, THINGS, { where: [condition] });
        assert.deepEqual(
          idsOf(rows),
          expected.map((i) => IDS[i]),
          JSON.stringify(condition, (_, v) => (typeof v === 'bigint' ? `${v}` : v)),
        );
      }
      const both = [EXPECTATIONS[10]?.[0], EXPECTATIONS[17]?.[0]].filter((one) => one !== undefined);
      assert.deepEqual(idsOf(await read(driver, THINGS, { where: both })), ['r2']);
    },
  );

  storeTest(
    harness,
    { name: 'a row is found by its event id, whoever made the id', datasets: [THINGS] },
    async ({ driver }) => {
      await fill(driver);
      const batch = batchOf(THINGS, [{ name: 'made' }, { name: 'found' }]);
      await driver.write({ batches: [at(batch)] });
      const all = await read(driver, THINGS, {
        order: [
          { column: 'name', descending: false },
          { column: '_event_id', descending: false },
        ],
      });
      const id = all.find((row) => row.name === 'found')?._event_id ?? null;
      const byId = await read(driver, THINGS, { where: [{ column: '_event_id', operator: 'eq', value: id }] });
      assert.deepEqual(
        byId.map((row) => row.name),
        ['found'],
      );
      const none = await read(driver, THINGS, {
        where: [{ column: '_event_id', operator: 'eq', value: batch.transactionId }],
      });
      assert.deepEqual(none, []);
      const byTransaction = await read(driver, THINGS, {
        where: [{ column: '_transaction_id', operator: 'eq', value: batch.transactionId }],
      });
      assert.equal(byTransaction.length, 2);
    },
  );
}

function orderCases(harness: StoreHarness): void {
  const by = (...terms: string[]): Order[] =>
    [...terms, '_event_id'].map((term) => ({ column: term.replace('-', ''), descending: term.startsWith('-') }));

  storeTest(
    harness,
    { name: 'order is by value, nulls last in either direction', datasets: [THINGS] },
    async ({ driver }) => {
      await fill(driver);
      const ordered = async (...terms: string[]) =>
        idsOf(await read(driver, THINGS, { order: by(...terms) })).join(' ');
      assert.equal(await ordered('name'), 'r1 r0 r2 r3 r4');
      assert.equal(await ordered('-name'), 'r3 r2 r0 r1 r4');
      assert.equal(await ordered('-size', 'weight'), 'r2 r3 r1 r0 r4');
      assert.equal(await ordered('price'), 'r2 r0 r1 r3 r4');
      assert.equal(await ordered('-seen'), 'r3 r2 r1 r0 r4');
      assert.equal(await ordered('open', '-day'), 'r3 r1 r2 r0 r4');
    },
  );

  storeTest(
    harness,
    { name: 'paging by cursor meets every row exactly once, whatever the order', datasets: [THINGS] },
    async ({ driver }) => {
      await fill(driver);
      const more = Array.from({ length: 60 }, (_, i) => ({
        name: i % 3 ? `n${i % 7}` : null,
        size: i % 5 ? i % 4 : null,
        price: i % 4 ? `${i % 6}.5` : null,
        seen: i % 2 ? `2026-03-0${1 + (i % 5)}T00:00:00.00000${i % 9}Z` : null,
        open: i % 3 === 0,
      }));
      await driver.write({ batches: [at(batchOf(THINGS, more))] });
      const orders = [
        by(),
        by('name'),
        by('-name', 'size'),
        by('-seen', 'price'),
        by('open', '-size', 'name'),
        by('-_received_at'),
      ];
      for (const order of orders) {
        const expected = idsOf(await read(driver, THINGS, { order }));
        assert.equal(new Set(expected).size, 65);
        const found: (Value | undefined)[] = [];
        let after: readonly Value[] | null = null;
        for (;;) {
          const page: Record<string, Value>[] = await read(driver, THINGS, { order, after, limit: 7 });
          found.push(...idsOf(page));
          const last = page.at(-1);
          if (!last || page.length < 7) break;
          after = order.map(({ column }) => last[column] ?? null);
        }
        assert.deepEqual(found, expected, JSON.stringify(order));
      }
    },
  );
}

function limitCases(harness: StoreHarness): void {
  const query = {
    table: 'things',
    select: [{ name: 'size', type: 'integer' as const }],
    where: [],
    order: [{ column: '_event_id', descending: false }],
    after: null,
    limit: 10_000,
  };

  storeTest(
    harness,
    { name: 'a read gives the columns asked for, and no more rows than either limit', datasets: [THINGS] },
    async ({ driver }) => {
      await fill(driver);
      const stream = await driver.rows({ ...query, limit: 2 }, limits());
      assert.deepEqual(
        stream.columns.map(({ name, type }) => ({ name, type })),
        query.select,
      );
      assert.deepEqual(await allRows(stream), [[1], [20]]);
      assert.equal((await allRows(await driver.rows(query, limits({ rowsMax: 3 })))).length, 3);
    },
  );

  storeTest(
    harness,
    { name: 'a read stops at its time and at its signal, and an abandoned one blocks nobody', datasets: [THINGS] },
    async ({ driver }) => {
      const lines = Array.from({ length: 9_000 }, (_, i) => ({ size: i }));
      await driver.write({ batches: [at(batchOf(THINGS, lines))] });
      const consume = async (more: Parameters<typeof limits>[0]) => allRows(await driver.rows(query, limits(more)));
      await assert.rejects(consume({ timeoutMs: 0 }), { code: 'query-timeout' });
      await assert.rejects(consume({ signal: AbortSignal.abort() }), { name: 'AbortError' });
      for (let i = 0; i < 20; i += 1) {
        for await (const chunk of (await driver.rows(query, limits())).chunks) {
          assert.ok(chunk.length > 0);
          break;
        }
      }
      assert.equal((await consume({})).length, 9_000);
    },
  );
}
