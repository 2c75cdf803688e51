import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idsOf, LOG_FOLDER, publishEach, readAll, simulatedOwner } from '../../../test/support/log.ts';
import { SimulatedDisk } from '../../../test/support/simulated-disk.ts';
import { isAzudError } from '../../error/azud-error.ts';
import { uuidDerived, uuidV7 } from '../../event/ids.ts';
import { systemClock } from '../../lib/clock.ts';
import { makeMessage } from '../conformance/messages.ts';

const HOUR_MS = 3_600_000;
/** Three or four records. */
const SEGMENT_BYTES = 900;

/** A log of 30 records, one each hour, and a clock to turn. */
async function hourlyLog(retentionMs: number, retentionBytes = 1e9) {
  const disk = new SimulatedDisk();
  const time = { now: 1_700_000_000_000 };
  const clock = { ...systemClock, now: () => time.now };
  const owner = simulatedOwner(disk, { clock, segmentBytesMax: SEGMENT_BYTES, retentionMs, retentionBytes });
  await owner.open();
  const publish = async () => {
    time.now += HOUR_MS;
    const message = makeMessage({ time: time.now, transactionId: uuidV7(time.now) });
    await owner.publish([message]);
    return message;
  };
  const messages = [];
  for (let n = 0; n < 30; n += 1) messages.push(await publish());
  const segments = async () => (await disk.list(LOG_FOLDER)).filter((name) => name.endsWith('.seg')).length;
  const upTo = async (offset: number) => [{ stream: (await owner.backlog([])).end[0]?.stream ?? '', offset }];
  return { disk, time, owner, messages, segments, upTo };
}

test('only segments that are released and too old go, and the sums stay whole', async () => {
  const { owner, segments, upTo, messages } = await hourlyLog(10 * HOUR_MS);
  const all = await segments();
  await owner.release([]);
  assert.equal(await segments(), all, 'nothing is released');
  await owner.release(await upTo(9));
  const some = await segments();
  assert.ok(some < all);
  const held = await readAll(owner);
  assert.ok(held.length >= 21, 'what was not released is there');
  await owner.release(await upTo(30));
  const left = await readAll(owner);
  assert.ok(left.length >= 10 && left.length < 20, `${left.length} of 30 are left`);
  assert.deepEqual(
    idsOf(left),
    messages.slice(-left.length).map(({ id }) => id),
  );
  assert.equal((await owner.backlog([])).accepted?.get('flights'), 30);
  await assert.rejects(owner.subscribe(await upTo(1)), (error) => isAzudError(error, 'log-behind'));
  await owner.close();
});

test('the log stays under its size, and its tail always stays', async () => {
  const { owner, segments, upTo } = await hourlyLog(1e15, 0);
  await owner.release(await upTo(30));
  assert.equal(await segments(), 1);
  assert.ok((await readAll(owner)).length > 0);
  await owner.close();
});

test('a clock that jumps ten years removes nothing', async () => {
  for (const jump of [10, -10]) {
    const { owner, segments, upTo, time } = await hourlyLog(40 * HOUR_MS);
    const all = await segments();
    time.now += jump * 365 * 24 * HOUR_MS;
    await owner.release(await upTo(30));
    assert.equal(await segments(), all);
    await publishEach(owner, 10);
    await owner.release(await upTo(40));
    assert.ok((await segments()) > all);
    await owner.close();
  }
});

test('a transaction is found by its time, in the sealed part and after a restart', async () => {
  const { disk, owner, messages } = await hourlyLog(1e15);
  await owner.close();
  const again = simulatedOwner(disk, { segmentBytesMax: SEGMENT_BYTES });
  await again.open();
  for (const message of messages) {
    assert.deepEqual(idsOf((await again.find(message.transactionId)) ?? []), [message.id]);
  }
  assert.deepEqual(await again.find(uuidV7(messages[3]?.time ?? 0)), []);
  await again.close();
});

test('a keyed transaction is found while it may not be in the store, before and after a restart', async () => {
  const disk = new SimulatedDisk();
  let owner = simulatedOwner(disk, { segmentBytesMax: SEGMENT_BYTES });
  await owner.open();
  const transactionId = uuidDerived('transaction', 'flights', 'key');
  const parts = [makeMessage({ transactionId }), makeMessage({ transactionId }), makeMessage({ transactionId })];
  await publishEach(owner, 5);
  await owner.publish(parts.slice(0, 1));
  await publishEach(owner, 5);
  await owner.publish(parts.slice(1, 2));
  await owner.close();
  owner = simulatedOwner(disk, { segmentBytesMax: SEGMENT_BYTES });
  await owner.open();
  await owner.publish(parts.slice(2));
  const found = async () => idsOf(await owner.find(transactionId));
  assert.deepEqual(
    await found(),
    parts.map(({ id }) => id),
  );
  owner.markAcked(6);
  assert.deepEqual(
    await found(),
    parts.slice(1).map(({ id }) => id),
  );
  await owner.close();
});
