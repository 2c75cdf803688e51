import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asSuperuser } from '../../../test/support/postgres.ts';
import { openDriver, refusedLines, withStore } from '../../../test/support/postgres-store.ts';
import { isAzudError } from '../../error/azud-error.ts';
import { at, batchOf, CLIENTS, countsOf, DAY_MS, datasetOf, FLIGHTS, read, T0 } from '../conformance/fixtures.ts';
import type { StoreDriver, UnitBatch } from '../driver.ts';

const datasets = [FLIGHTS, CLIENTS];

/** The loader's patience: the same unit again while the store says that this may help. */
async function writeUntilDone(driver: StoreDriver, batches: readonly UnitBatch[]) {
  for (;;) {
    try {
      return await driver.write({ batches });
    } catch (error) {
      if (!isAzudError(error) || !error.entry.retryable) throw error;
    }
  }
}

const unplaced = (entry: UnitBatch): UnitBatch => ({ ...entry, position: null });

test('two loaders that are given the same batches at once store each of them once', async () => {
  await withStore({ datasets }, async (first, schema) => {
    const second = await openDriver({ schema, datasets });
    const units = Array.from({ length: 20 }, (_, n) =>
      [0, 1, 2].map((k) => {
        const entry = at(batchOf(FLIGHTS, [{ flight_id: `${n}-${k}-a` }, { flight_id: `${n}-${k}-b` }]));
        return n % 2 ? entry : unplaced(entry);
      }),
    );
    const work = async (driver: StoreDriver) => {
      let written = 0;
      for (const unit of units) {
        written += (await writeUntilDone(driver, unit)).filter((counts) => counts !== null).length;
      }
      return written;
    };
    const [one, other] = await Promise.all([work(first), work(second)]);
    assert.equal(one + other, 60);
    assert.equal((await read(first, FLIGHTS)).length, 120);
    assert.equal((await read(first, '_transactions')).length, 60);
    assert.deepEqual(await countsOf(second, FLIGHTS), { accepted: 120, stored: 120, duplicate: 0, dead: 0 });
    await second.close();
  });
});

test('two loaders that are given the same client ids in other batches store each event once', async () => {
  await withStore({ datasets }, async (first, schema) => {
    const second = await openDriver({ schema, datasets });
    const ids = Array.from({ length: 200 }, (_, i) => `e${i}`);
    const work = async (driver: StoreDriver, step: number) => {
      for (let n = 0; n < 20; n += 1) {
        // Each in an order of its own, so that they meet in the middle.
        const some = Array.from({ length: 10 }, (_, i) => ids[((n * 10 + i) * step) % 200] ?? '');
        const batch = batchOf(
          FLIGHTS,
          some.map((flight_id) => ({ flight_id })),
          { ids: some, receivedAt: T0 },
        );
        await writeUntilDone(driver, [unplaced(at(batch))]);
      }
    };
    await Promise.all([work(first, 1), work(second, 3), work(first, 7)]);
    const rows = await read(first, FLIGHTS);
    assert.deepEqual(rows.map((row) => row._event_id).sort(), [...ids].sort());
    assert.deepEqual(await countsOf(first, FLIGHTS), { accepted: 600, stored: 200, duplicate: 400, dead: 0 });
    await second.close();
  });
});

test('two loaders that upsert the same keys end with the latest of each', async () => {
  await withStore({ datasets }, async (first, schema) => {
    const second = await openDriver({ schema, datasets });
    const work = async (driver: StoreDriver, from: number) => {
      for (let n = from; n < 40; n += 2) {
        const events = Array.from({ length: 20 }, (_, k) => ({ id: `k${(k * 7 + n) % 20}`, name: `${n}` }));
        await writeUntilDone(driver, [unplaced(at(batchOf(CLIENTS, events, { receivedAt: T0 + n })))]);
      }
    };
    await Promise.all([work(first, 0), work(second, 1)]);
    const rows = await read(first, CLIENTS);
    assert.deepEqual(new Set(rows.map(({ name }) => name)), new Set(['39']));
    assert.equal(rows.length, 20);
    assert.equal((await countsOf(first, CLIENTS))?.stored, 800);
    await second.close();
  });
});

test('processes that open an empty schema at once make one set of tables', async () => {
  await withStore({ datasets }, async (_, schema) => {
    await asSuperuser(`DROP SCHEMA "${schema}" CASCADE; CREATE SCHEMA "${schema}"`);
    const drivers = await Promise.all([0, 1, 2].map(() => openDriver({ schema, datasets })));
    for (const driver of drivers) await driver.write({ batches: [at(batchOf(FLIGHTS, [{ delay: 1 }]))] });
    for (const driver of drivers) assert.equal((await countsOf(driver, FLIGHTS))?.stored, 3);
    for (const driver of drivers) await driver.close();
  });
});

const KEPT = datasetOf('kept', { a: 'integer' }, { retentionMs: 40 * DAY_MS });

const partitions = async (schema: string) =>
  (await asSuperuser(`SELECT tablename FROM pg_tables WHERE schemaname = '${schema}' AND tablename LIKE '%\\_kept'`))
    .map(({ tablename }) => String(tablename))
    .filter((name) => /^_\d/.test(name))
    .sort();

test('rows lie in a partition a month; retention drops whole months and the rest row by row', async () => {
  await withStore({ datasets: [KEPT] }, async (driver, schema) => {
    const other = await openDriver({ schema, datasets: [KEPT] });
    const writeAt = (day: number, by: StoreDriver = driver) =>
      writeUntilDone(by, [at(batchOf(KEPT, [{ a: day }], { receivedAt: T0 + day * DAY_MS }))]);
    for (const day of [0, 10, 20, 45, 80]) await writeAt(day);
    await writeAt(0, other);
    assert.deepEqual(await partitions(schema), ['_202601_kept', '_202602_kept', '_202603_kept', '_202604_kept']);
    await driver.sweep(T0 + 80 * DAY_MS);
    assert.deepEqual(await partitions(schema), ['_202602_kept', '_202603_kept', '_202604_kept']);
    assert.deepEqual(
      (await read(driver, KEPT)).map(({ a }) => a),
      [45, 80],
    );
    // The other process does not know that its month is gone.
    await writeAt(1, other);
    assert.equal((await read(driver, KEPT)).length, 3);
    await other.close();
  });
});

test('a text that holds U+0000 is one dead line, named by its path; its neighbours are stored', async () => {
  await withStore({ datasets }, async (driver) => {
    const lines = ['{"origin":"a"}', '{"flight_id":"x","origin":"b\\u0000c"}', '{"origin":"d"}'];
    const entry = at(batchOf(FLIGHTS, lines));
    await assert.rejects(driver.write({ batches: [entry] }), { code: 'bad-row', path: '/origin' });
    const found = await refusedLines(driver, FLIGHTS, entry.batch.lines);
    assert.deepEqual([...found.keys()], [1]);
    assert.match(found.get(1)?.message ?? '', /^\/origin cannot be kept: PostgreSQL stores no U\+0000/);
    const results = await driver.write({ batches: [{ ...entry, dead: found }] });
    assert.deepEqual(results, [{ accepted: 3, stored: 2, duplicate: 0, dead: 1 }]);
    const [letter] = await read(driver, '_dead_letters');
    assert.equal(Buffer.from(String(letter?.original), 'base64').toString(), lines[1]);
    assert.equal(letter?.path, '/origin');
  });
});

test('what PostgreSQL itself refuses in the middle of a COPY is named by its column', async () => {
  const odd = datasetOf('odd', { 'a, "b"': 'date', c: 'timestamp' });
  await withStore({ datasets: [odd] }, async (driver) => {
    const bad = { code: 'bad-row' };
    const line = Buffer.from('{"c":"2026-02-30T00:00:00Z"}\n');
    await assert.rejects(driver.probe(odd, line), { ...bad, path: '/c' });
    const other = Buffer.from('{"a, \\"b\\"":"2026-02-30"}\n');
    await assert.rejects(driver.probe(odd, other), { ...bad, path: '/a, "b"' });
  });
});

test('processes that share it agree on what is kept', async () => {
  await withStore({ datasets }, async (first, schema) => {
    const second = await openDriver({ schema, datasets });
    const given = [Buffer.from([0, 1, 255]), Buffer.from('other')];
    const kept = await Promise.all([first, second].map((driver, at) => driver.keep('key', given[at] as Buffer)));
    assert.deepEqual(kept[0], kept[1]);
    assert.deepEqual(await second.keep('key', Buffer.from('third')), kept[0]);
    assert.deepEqual(await first.keep('another', Buffer.from('x')), Buffer.from('x'));
    await second.close();
  });
});
