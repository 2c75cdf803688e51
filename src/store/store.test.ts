import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AzudError } from '../error/azud-error.ts';
import type { Clock } from '../lib/clock.ts';
import { silentLog } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { at, batchOf, datasetOf, FLIGHTS } from './conformance/fixtures.ts';
import type { StoreDriver } from './driver.ts';
import { MemoryStoreDriver } from './memory/driver.ts';
import { Store } from './store.ts';

const SAFE = { allowDestructive: false, onStep: () => {} };

/** Sleeps end at once and move the time. */
function fakeClock(): Clock & { readonly slept: number[] } {
  let time = 0;
  const slept: number[] = [];
  return {
    slept,
    now: () => time,
    monotonic: () => time,
    sleep: async (ms) => {
      slept.push(ms);
      time += ms;
    },
  };
}

function storeOver(driver: StoreDriver) {
  const clock = fakeClock();
  const metrics = new Metrics();
  return { clock, metrics, store: new Store(driver, { clock, metrics, log: silentLog }) };
}

/** A driver whose writes fail `times` before (or, with `after`, although) they succeed. */
function failing(times: number, code: 'not-connected' | 'storage-full', after = false): StoreDriver {
  const driver = new MemoryStoreDriver();
  const write = driver.write.bind(driver);
  let left = times;
  driver.write = async (unit) => {
    const failure = new AzudError(code, 'the connection broke');
    if (left > 0 && !after) {
      left -= 1;
      throw failure;
    }
    const results = await write(unit);
    if (left === 0) return results;
    left -= 1;
    throw failure;
  };
  return driver;
}

test('a lost connection is tried again with growing pauses', async () => {
  const { store, clock, metrics } = storeOver(failing(2, 'not-connected'));
  await store.open([FLIGHTS], SAFE);
  const [counts] = await store.write({ batches: [at(batchOf(FLIGHTS, [{ delay: 1 }]))] });
  assert.equal(counts?.stored, 1);
  assert.equal(clock.slept.length, 2);
  assert.ok((clock.slept[1] ?? 0) > (clock.slept[0] ?? 0) / 2);
  const text = await metrics.expose();
  assert.match(text, /db_operation_name="write",db_system_name="memory",error_type="not-connected"\} 2/);
  assert.match(text, /duration_seconds_count\{db_operation_name="write",db_system_name="memory",error_type=""\} 1/);
});

test('a write whose outcome was lost is not written twice', async () => {
  const { store } = storeOver(failing(1, 'not-connected', true));
  await store.open([FLIGHTS], SAFE);
  assert.deepEqual(await store.write({ batches: [at(batchOf(FLIGHTS, [{ delay: 1 }]))] }), [null]);
  assert.equal((await store.ledger()).counts.get('flights')?.stored, 1);
});

test('a connection that stays away is given up, and a full disk is not tried again', async () => {
  const away = storeOver(failing(99, 'not-connected'));
  await away.store.open([FLIGHTS], SAFE);
  const unit = { batches: [at(batchOf(FLIGHTS, [{ delay: 1 }]))] };
  await assert.rejects(away.store.write(unit), { code: 'not-connected' });
  assert.equal(away.clock.slept.length, 4);
  const full = storeOver(failing(1, 'storage-full'));
  await full.store.open([FLIGHTS], SAFE);
  await assert.rejects(full.store.write(unit), { code: 'storage-full' });
  assert.deepEqual(full.clock.slept, []);
});

test('isolation names every bad line and its reason', async () => {
  const { store } = storeOver(new MemoryStoreDriver());
  await store.open([FLIGHTS], SAFE);
  const found = await store.isolate(FLIGHTS, Buffer.from('{"delay":1}\n{"delay":1e60}\n{"delay":2}\n{"delay":"x"}\n'));
  const reason = { stage: 'store', code: 'bad_row', message: '/delay cannot be kept as integer', path: '/delay' };
  assert.deepEqual(
    [...found],
    [
      [1, reason],
      [3, reason],
    ],
  );
});

test('a column type that the store cannot keep is refused before it is opened', async () => {
  const driver = new MemoryStoreDriver();
  const narrow = Object.assign(driver, { capabilities: { ...driver.capabilities, columnTypes: ['string'] } });
  const { store } = storeOver(narrow);
  await assert.rejects(store.open([datasetOf('things', { a: 'json' })], SAFE), {
    code: 'invalid-config',
    message: 'things: the memory store cannot keep column a of type json exactly',
  });
});

test('a store without SQL says so', async () => {
  const { store } = storeOver(new MemoryStoreDriver());
  const limits = { timeoutMs: 1, rowsMax: 1, signal: new AbortController().signal };
  await assert.rejects(store.sql({ text: 'SELECT 1', params: {} }, limits), { code: 'sql-failed' });
});

test('a store that is its own safety answers its progress for a snapshot', async () => {
  const { store } = storeOver(new MemoryStoreDriver());
  await store.open([FLIGHTS], SAFE);
  await store.write({ batches: [at(batchOf(FLIGHTS, [{ delay: 1 }]))] });
  assert.deepEqual(await store.snapshot(), await store.progress());
});
