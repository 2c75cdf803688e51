import assert from 'node:assert/strict';
import { isAzudError } from '../../error/azud-error.ts';
import { eventIdAt } from '../../event/ids.ts';
import { isolate } from '../isolation.ts';
import {
  at,
  BAD,
  batchOf,
  CLIENTS,
  countsOf,
  DAY_MS,
  datasetOf,
  FLIGHTS,
  HOUR_MS,
  read,
  type StoreHarness,
  T0,
} from './fixtures.ts';
import { storeTest } from './with-store.ts';

const datasets = [FLIGHTS, CLIENTS];

export function writingCases(harness: StoreHarness): void {
  appendCases(harness);
  upsertCases(harness);
  dedupeCases(harness);
  progressCases(harness);
  joinCases(harness);
  isolationCases(harness);
}

function appendCases(harness: StoreHarness): void {
  storeTest(
    harness,
    { name: 'a batch becomes rows with event id, transaction id and time', datasets },
    async ({ driver }) => {
      const batch = batchOf(
        FLIGHTS,
        [
          { flight_id: 'a', delay: 1 },
          { flight_id: 'b', delay: 2 },
        ],
        { receivedAt: T0 },
      );
      const counts = { accepted: 2, stored: 2, duplicate: 0, dead: 0 };
      assert.deepEqual(await driver.write({ batches: [at(batch)] }), [counts]);
      const system = { _transaction_id: batch.transactionId, _received_at: '2026-01-15T12:00:00.000Z', _extra: null };
      assert.deepEqual(await read(driver, FLIGHTS), [
        {
          flight_id: 'a',
          origin: null,
          delay: 1,
          distance: null,
          _event_id: eventIdAt(batch.transactionId, 0),
          ...system,
        },
        {
          flight_id: 'b',
          origin: null,
          delay: 2,
          distance: null,
          _event_id: eventIdAt(batch.transactionId, 1),
          ...system,
        },
      ]);
      assert.deepEqual(await read(driver, '_transactions'), [
        {
          batch_id: batch.id,
          transaction_id: batch.transactionId,
          dataset: 'flights',
          received_at: system._received_at,
          ...counts,
        },
      ]);
      assert.deepEqual(await countsOf(driver, FLIGHTS), counts);
    },
  );

  storeTest(
    harness,
    { name: 'a unit mixes datasets and sizes, and every event id is the one intake would give', datasets },
    async ({ driver }) => {
      const large = batchOf(
        FLIGHTS,
        Array.from({ length: 3000 }, (_, i) => ({ flight_id: `l${i}`, delay: i })),
      );
      const singles = Array.from({ length: 300 }, (_, i) => batchOf(FLIGHTS, [{ flight_id: `s${i}` }]));
      const client = batchOf(CLIENTS, [{ id: '1', name: 'Ana' }]);
      const empty = batchOf(FLIGHTS, []);
      const results = await driver.write({ batches: [...singles, large, client, empty].map((batch) => at(batch)) });
      assert.equal(results.length, 303);
      const rows = await read(driver, FLIGHTS);
      assert.equal(rows.length, 3300);
      const ids = new Map(rows.map((row) => [row.flight_id, row._event_id]));
      assert.equal(ids.get('l0'), eventIdAt(large.transactionId, 0));
      assert.equal(ids.get('l2999'), eventIdAt(large.transactionId, 2999));
      assert.equal(ids.get('s299'), eventIdAt(singles[299]?.transactionId ?? '', 0));
      assert.equal((await read(driver, '_transactions')).length, 303);
      assert.equal((await countsOf(driver, CLIENTS))?.stored, 1);
    },
  );

  storeTest(harness, { name: 'event ids go round at the end of their 48 bits', datasets }, async ({ driver }) => {
    const transactionId = '018f0000-0000-7000-8000-fffffffffffe';
    const events = Array.from({ length: 40 }, (_, i) => ({ delay: i }));
    await driver.write({ batches: [at(batchOf(FLIGHTS, events, { transactionId }))] });
    const rows = await read(driver, FLIGHTS, { order: [{ column: 'delay', descending: false }] });
    assert.deepEqual(
      rows.map((row) => row._event_id),
      events.map((_, i) => eventIdAt(transactionId, i)),
    );
  });
}

function upsertCases(harness: StoreHarness): void {
  const names = async (driver: Parameters<typeof read>[0]) => {
    const rows = await read(driver, CLIENTS, { order: [{ column: 'id', descending: false }] });
    return Object.fromEntries(rows.map((row) => [row.id, row.name]));
  };

  storeTest(
    harness,
    { name: 'upsert keeps the latest of each key, within a batch, a unit and across units', datasets },
    async ({ driver }) => {
      const first = batchOf(CLIENTS, [
        { id: '1', name: 'a' },
        { id: '1', name: 'b' },
        { id: '2', name: 'x' },
      ]);
      const second = batchOf(CLIENTS, [{ id: '1', name: 'c' }]);
      await driver.write({ batches: [at(first), at(second)] });
      assert.deepEqual(await names(driver), { 1: 'c', 2: 'x' });
      await driver.write({
        batches: [
          at(
            batchOf(CLIENTS, [
              { id: '2', name: 'y' },
              { id: '3', name: 'z' },
            ]),
          ),
        ],
      });
      assert.deepEqual(await names(driver), { 1: 'c', 2: 'y', 3: 'z' });
      assert.deepEqual(await countsOf(driver, CLIENTS), { accepted: 6, stored: 6, duplicate: 0, dead: 0 });
    },
  );

  storeTest(
    harness,
    { name: 'upsert lets an older event that arrives later change nothing, yet counts it stored', datasets },
    async ({ driver }) => {
      const write = (receivedAt: number, name: string) =>
        driver.write({ batches: [at(batchOf(CLIENTS, [{ id: '1', name }], { receivedAt }))] });
      await write(T0 + 1000, 'new');
      assert.deepEqual(await write(T0, 'old'), [{ accepted: 1, stored: 1, duplicate: 0, dead: 0 }]);
      assert.deepEqual(await names(driver), { 1: 'new' });
      await write(T0 + 1000, 'same time, later in the log');
      assert.deepEqual(await names(driver), { 1: 'same time, later in the log' });
      const late = batchOf(CLIENTS, [{ id: '9', name: 'late' }], { receivedAt: T0 + 9 });
      const early = batchOf(CLIENTS, [{ id: '9', name: 'early' }], { receivedAt: T0 });
      await driver.write({ batches: [at(late), at(early)] });
      assert.equal((await names(driver))['9'], 'late');
    },
  );
}

function dedupeCases(harness: StoreHarness): void {
  const ids = (...list: string[]) => ({ ids: list });
  const events = (count: number) => Array.from({ length: count }, (_, i) => ({ delay: i }));

  storeTest(
    harness,
    { name: 'a client id is stored once: in a batch, a unit, across units and after reopening', datasets },
    async (subject) => {
      const write = (...list: string[]) =>
        subject.driver.write({ batches: [at(batchOf(FLIGHTS, events(list.length), ids(...list)))] });
      assert.deepEqual(await write('a', 'b', 'a'), [{ accepted: 3, stored: 2, duplicate: 1, dead: 0 }]);
      const unit = [
        at(batchOf(FLIGHTS, events(2), ids('b', 'c'))),
        at(batchOf(FLIGHTS, events(2), ids('c', "d'; --"))),
      ];
      assert.deepEqual(
        (await subject.driver.write({ batches: unit })).map((counts) => counts?.duplicate),
        [1, 1],
      );
      await subject.reopen();
      assert.deepEqual(await write('a', "d'; --", 'e'), [{ accepted: 3, stored: 1, duplicate: 2, dead: 0 }]);
      const rows = await read(subject.driver, FLIGHTS);
      assert.deepEqual(
        rows.map((row) => row._event_id),
        ['a', 'b', 'c', "d'; --", 'e'],
      );
      assert.deepEqual(await countsOf(subject.driver, FLIGHTS), { accepted: 10, stored: 5, duplicate: 5, dead: 0 });
    },
  );

  storeTest(harness, { name: 'the same client id in two datasets is two events', datasets }, async ({ driver }) => {
    await driver.write({
      batches: [at(batchOf(FLIGHTS, events(1), ids('a'))), at(batchOf(CLIENTS, [{ id: '1' }], ids('a')))],
    });
    assert.equal((await countsOf(driver, FLIGHTS))?.stored, 1);
    assert.equal((await countsOf(driver, CLIENTS))?.stored, 1);
  });

  storeTest(
    harness,
    { name: 'outside the dedupe window an id is stored again, by the time of the batches', datasets },
    async ({ driver }) => {
      const write = (receivedAt: number) =>
        driver.write({ batches: [at(batchOf(FLIGHTS, events(1), { ids: ['a'], receivedAt }))] });
      await write(T0);
      assert.equal((await write(T0 + 7 * DAY_MS - HOUR_MS))[0]?.duplicate, 1);
      assert.equal((await write(T0 + 7 * DAY_MS))[0]?.stored, 1);
      assert.equal((await write(T0 + 8 * DAY_MS))[0]?.duplicate, 1);
      assert.equal((await read(driver, FLIGHTS)).length, 2);
    },
  );

  storeTest(harness, { name: 'events without client ids are never duplicates', datasets }, async ({ driver }) => {
    for (let i = 0; i < 3; i += 1) await driver.write({ batches: [at(batchOf(FLIGHTS, [{ flight_id: 'same' }]))] });
    assert.equal((await read(driver, FLIGHTS)).length, 3);
  });
}

function progressCases(harness: StoreHarness): void {
  storeTest(
    harness,
    { name: 'progress moves with the rows, per stream, and survives reopening', datasets },
    async (subject) => {
      assert.deepEqual(await subject.driver.progress(), []);
      const entry = (stream: string, offset: number, term?: string) => ({
        ...at(batchOf(FLIGHTS, [{ delay: offset }])),
        position: { stream, offset, ...(term !== undefined && { term }) },
      });
      await subject.driver.write({ batches: [entry('a', 1, 'first'), entry('b', 7), entry('a', 3, 'second')] });
      await subject.reopen();
      const progress = [...(await subject.driver.progress())].sort((x, y) => x.stream.localeCompare(y.stream));
      assert.deepEqual(progress, [
        { stream: 'a', offset: 3, term: 'second' },
        { stream: 'b', offset: 7 },
      ]);
      const { progress: summed } = await subject.driver.ledger();
      assert.deepEqual(new Set(summed), new Set(progress));
      const results = await subject.driver.write({
        batches: [entry('a', 2), entry('a', 3), entry('a', 4, 'second'), entry('b', 7)],
      });
      assert.deepEqual(
        results.map((counts) => counts?.stored ?? null),
        [null, null, 1, null],
      );
      assert.equal((await read(subject.driver, FLIGHTS)).length, 4);
    },
  );

  storeTest(
    harness,
    { name: 'without positions the batch id is written once, also within one unit and after reopening', datasets },
    async (subject) => {
      const entry = { batch: batchOf(FLIGHTS, [{ delay: 1 }]), position: null, dead: new Map() };
      const first = await subject.driver.write({ batches: [entry, entry] });
      assert.deepEqual(first, [{ accepted: 1, stored: 1, duplicate: 0, dead: 0 }, null]);
      await subject.reopen();
      assert.deepEqual(await subject.driver.write({ batches: [entry] }), [null]);
      assert.equal((await read(subject.driver, FLIGHTS)).length, 1);
      assert.equal((await read(subject.driver, '_transactions')).length, 1);
    },
  );

  storeTest(
    harness,
    { name: 'a bad row leaves nothing of its unit: no row, id, count or progress', datasets },
    async ({ driver }) => {
      const good = at(batchOf(FLIGHTS, [{ delay: 1 }], { ids: ['g'] }));
      const client = at(batchOf(CLIENTS, [{ id: '1', name: 'a' }]));
      const bad = at(batchOf(FLIGHTS, ['{"delay":1e60}']));
      await assert.rejects(driver.write({ batches: [good, client, bad] }), { code: 'bad-row' });
      assert.deepEqual(await driver.progress(), []);
      assert.equal((await driver.ledger()).counts.size, 0);
      const dead = { ...bad, dead: new Map([[0, BAD]]) };
      const results = await driver.write({ batches: [good, client, dead] });
      assert.deepEqual(
        results.map((counts) => counts?.dead),
        [0, 0, 1],
      );
      assert.equal((await read(driver, FLIGHTS)).length, 1);
    },
  );
}

function joinCases(harness: StoreHarness): void {
  storeTest(
    harness,
    { name: 'a store that is joined to another log keeps its rows and sums', datasets },
    async (subject) => {
      const entry = (stream: string, offset: number) => ({
        ...at(batchOf(FLIGHTS, [{ delay: offset }])),
        position: { stream, offset, term: 'one' },
      });
      await subject.driver.write({ batches: [entry('a', 8), entry('b', 9)] });
      const { join, ledger } = subject.driver;
      if (!join) return;
      assert.equal((await ledger.call(subject.driver)).carried.size, 0);
      const progress = [{ stream: 'a', offset: 3, term: 'zero' }];
      const carried = new Map([
        [FLIGHTS.name, 2],
        ['gone', -4],
      ]);
      await join.call(subject.driver, progress, carried);
      assert.deepEqual(await subject.driver.progress(), progress);
      await subject.reopen();
      const stored = { accepted: 2, stored: 2, duplicate: 0, dead: 0 };
      assert.deepEqual(await subject.driver.ledger(), { progress, carried, counts: new Map([[FLIGHTS.name, stored]]) });
      assert.deepEqual(await subject.driver.write({ batches: [entry('a', 3), entry('a', 4)] }), [
        null,
        { accepted: 1, stored: 1, duplicate: 0, dead: 0 },
      ]);
      assert.deepEqual((await subject.driver.ledger()).carried, carried);
      await subject.driver.join?.([], new Map());
      assert.deepEqual(await subject.driver.progress(), []);
      assert.equal((await subject.driver.ledger()).carried.size, 0);
      assert.equal((await read(subject.driver, FLIGHTS)).length, 3);
    },
  );
}

function isolationCases(harness: StoreHarness): void {
  const wide = datasetOf('wide', { a: 'integer', b: 'timestamp', c: 'decimal' });
  storeTest(
    harness,
    { name: 'isolation finds exactly the bad lines, each with its path', datasets: [wide] },
    async ({ driver }) => {
      const lines = Array.from({ length: 200 }, (_, i) =>
        JSON.stringify({ a: i, b: '2026-01-01T00:00:00Z', c: '1.5' }),
      );
      lines[0] = '{"a":1e60}';
      lines[77] = '{"a":1,"b":"2026-02-30T00:00:00Z"}';
      lines[78] = '{"a":1,"c":"1e5"}';
      lines[199] = '{"b":"x"}';
      const found = await isolate(Buffer.from(lines.map((line) => `${line}\n`).join('')), async (some) => {
        const error = await driver.probe(wide, some).then(
          () => null,
          (reason: unknown) => reason,
        );
        if (error === null) return null;
        assert.ok(isAzudError(error, 'bad-row'));
        return { ...BAD, path: error.path ?? '' };
      });
      assert.deepEqual(
        [...found].map(([line, { path }]) => [line, path]),
        [
          [0, '/a'],
          [77, '/b'],
          [78, '/c'],
          [199, '/b'],
        ],
      );
      assert.deepEqual(await read(driver, wide), []);
    },
  );
}
