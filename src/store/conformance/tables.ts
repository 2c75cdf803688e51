import assert from 'node:assert/strict';
import { isAzudError } from '../../error/azud-error.ts';
import {
  at,
  batchOf,
  CLIENTS,
  countsOf,
  DAY_MS,
  datasetOf,
  FLIGHTS,
  HOUR_MS,
  read,
  rejectOf,
  type StoreHarness,
  T0,
} from './fixtures.ts';
import { storeTest } from './with-store.ts';

const BEFORE = datasetOf('things', { a: 'integer', b: 'string' });
const WIDER = datasetOf('things', { a: 'integer', b: 'string', c: 'timestamp' });
const OTHER = datasetOf('things', { a: 'string', c: 'timestamp' });

export function tableCases(harness: StoreHarness): void {
  changeCases(harness);
  factCases(harness);
  sweepCases(harness);
}

function changeCases(harness: StoreHarness): void {
  storeTest(
    harness,
    { name: 'a new property adds a column; rows from before have null in it', datasets: [BEFORE] },
    async (subject) => {
      await subject.driver.write({ batches: [at(batchOf(BEFORE, [{ a: 1, b: 'x' }]))] });
      await subject.reopen([WIDER, FLIGHTS]);
      await subject.driver.write({ batches: [at(batchOf(WIDER, [{ a: 2, c: '2026-01-01T00:00:00Z' }]))] });
      const rows = await read(subject.driver, WIDER, { order: [{ column: 'a', descending: false }] });
      assert.deepEqual(
        rows.map(({ a, b, c }) => [a, b, c]),
        [
          [1, 'x', null],
          [2, null, '2026-01-01T00:00:00.000Z'],
        ],
      );
      await subject.reopen([WIDER]);
      assert.equal((await read(subject.driver, WIDER)).length, 2);
    },
  );

  storeTest(
    harness,
    { name: 'a change that would lose data is refused with each difference, and changes nothing', datasets: [BEFORE] },
    async (subject) => {
      await subject.driver.write({ batches: [at(batchOf(BEFORE, [{ a: 1, b: 'x' }]))] });
      const upsert = { ...OTHER, mode: 'upsert' as const, key: 'a' };
      const error = await subject.reopen([FLIGHTS, upsert]).then(
        () => null,
        (reason: unknown) => reason,
      );
      assert.ok(isAzudError(error, 'destructive-change'));
      assert.deepEqual(error.errors, [
        {
          path: '/datasets/things/schema/properties/a',
          code: 'destructive_change',
          message: 'things: column a would change from integer to string',
        },
        {
          path: '/datasets/things/schema/properties/b',
          code: 'destructive_change',
          message: 'things: column b (string) would be removed',
        },
        {
          path: '/datasets/things/mode',
          code: 'destructive_change',
          message: 'things: mode would change from append to upsert',
        },
      ]);
      await subject.reopen([BEFORE]);
      assert.deepEqual(
        (await read(subject.driver, BEFORE)).map(({ a, b }) => [a, b]),
        [[1, 'x']],
      );
    },
  );

  storeTest(harness, { name: 'the same change is made when it is allowed', datasets: [BEFORE] }, async (subject) => {
    await subject.driver.write({ batches: [at(batchOf(BEFORE, [{ a: 1, b: 'x' }]))] });
    await subject.reopen([OTHER], { allowDestructive: true });
    await subject.driver.write({ batches: [at(batchOf(OTHER, [{ a: 'new' }]))] });
    const rows = await read(subject.driver, OTHER, { order: [{ column: 'a', descending: false }] });
    assert.deepEqual(
      rows.map(({ a, c }) => [a, c]),
      [
        ['new', null],
        [null, null],
      ],
    );
  });

  const asUpsert = { ...BEFORE, mode: 'upsert' as const, key: 'b' };
  storeTest(
    harness,
    { name: 'a table that becomes upsert keeps the latest row of each key', datasets: [BEFORE] },
    async (subject) => {
      const events = [
        { a: 1, b: 'x' },
        { a: 2, b: 'x' },
        { a: 3, b: 'y' },
      ];
      for (const event of events) await subject.driver.write({ batches: [at(batchOf(BEFORE, [event]))] });
      await subject.reopen([asUpsert], { allowDestructive: true });
      await subject.driver.write({ batches: [at(batchOf(asUpsert, [{ a: 4, b: 'y' }]))] });
      const rows = await read(subject.driver, asUpsert, { order: [{ column: 'b', descending: false }] });
      assert.deepEqual(
        rows.map(({ a, b }) => [a, b]),
        [
          [2, 'x'],
          [4, 'y'],
        ],
      );
    },
  );
}

function factCases(harness: StoreHarness): void {
  storeTest(harness, { name: 'facts of a table: rows, first and last', datasets: [FLIGHTS] }, async ({ driver }) => {
    const { rows, first, last } = await driver.describe('flights');
    assert.deepEqual({ rows, first, last }, { rows: 0, first: null, last: null });
    for (const receivedAt of [T0 + HOUR_MS, T0, T0 + 1]) {
      await driver.write({ batches: [at(batchOf(FLIGHTS, [{ delay: 1 }], { receivedAt }))] });
    }
    const facts = await driver.describe('flights');
    assert.equal(facts.rows, 3);
    assert.equal(facts.first, '2026-01-15T12:00:00.000Z');
    assert.equal(facts.last, '2026-01-15T13:00:00.000Z');
    assert.ok(facts.bytes >= 0);
  });
}

function sweepCases(harness: StoreHarness): void {
  const kept = datasetOf('kept', { a: 'integer' }, { retentionMs: 10 * DAY_MS, dedupeWindowMs: DAY_MS });
  const days = [0, 5, 12];
  const fill = async (driver: Parameters<typeof read>[0]) => {
    for (const day of days) {
      const receivedAt = T0 + day * DAY_MS;
      await driver.write({ batches: [at(batchOf(kept, [{ a: day }], { ids: [`d${day}`], receivedAt }))] });
    }
  };
  const left = async (driver: Parameters<typeof read>[0]) =>
    (await read(driver, kept, { order: [{ column: 'a', descending: false }] })).map((row) => row.a);

  storeTest(
    harness,
    { name: 'a sweep removes rows and transactions past retention and keeps the sums', datasets: [kept, CLIENTS] },
    async ({ driver }) => {
      await fill(driver);
      await driver.write({ batches: [at(batchOf(CLIENTS, [{ id: '1' }], { receivedAt: T0 }))] });
      await driver.sweep(T0 + 12 * DAY_MS);
      assert.deepEqual(await left(driver), [5, 12]);
      assert.equal((await read(driver, '_transactions')).length, 3);
      assert.equal((await read(driver, CLIENTS)).length, 1);
      assert.equal((await countsOf(driver, kept))?.stored, 3);
      const repeat = (id: string) =>
        driver.write({ batches: [at(batchOf(kept, [{ a: 12 }], { ids: [id], receivedAt: T0 + 12 * DAY_MS }))] });
      assert.equal((await repeat('d12'))[0]?.duplicate, 1);
      assert.equal((await repeat('d5'))[0]?.stored, 1);
    },
  );

  storeTest(
    harness,
    { name: 'a clock that jumps ahead by more than a day removes nothing by it', datasets: [kept] },
    async ({ driver }) => {
      await fill(driver);
      await driver.sweep(T0 + 3650 * DAY_MS);
      assert.deepEqual(await left(driver), [5, 12]);
      await driver.sweep(T0 - 3650 * DAY_MS);
      assert.deepEqual(await left(driver), [5, 12]);
    },
  );

  storeTest(
    harness,
    { name: 'a sweep ends receipts that have no retention', datasets: [CLIENTS] },
    async ({ driver }) => {
      for (const day of [0, 20, 31]) {
        await driver.write({ batches: [at(batchOf(CLIENTS, [{ id: `${day}` }], { receivedAt: T0 + day * DAY_MS }))] });
      }
      await driver.sweep(T0 + 31 * DAY_MS);
      assert.equal((await read(driver, '_transactions')).length, 2);
      assert.equal((await read(driver, CLIENTS)).length, 3);
    },
  );

  storeTest(harness, { name: 'a sweep leaves dead letters alone', datasets: [kept] }, async ({ driver }) => {
    await driver.write({
      batches: [at(batchOf(kept, [], { rejects: [rejectOf(1, Buffer.from('x'))], receivedAt: T0 }))],
    });
    await fill(driver);
    await driver.sweep(T0 + 12 * DAY_MS);
    assert.equal((await read(driver, '_dead_letters')).length, 1);
    // Its receipt, and those of days 5 and 12.
    assert.equal((await read(driver, '_transactions')).length, 3);
  });
}
