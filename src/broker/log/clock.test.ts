import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codesOf, hastyClock, idsOf, readAll, simulatedOwner } from '../../../test/support/log.ts';
import { SimulatedDisk } from '../../../test/support/simulated-disk.ts';
import type { Message } from '../../event/batch.ts';
import { uuidV7 } from '../../event/ids.ts';
import { makeMessage } from '../conformance/messages.ts';

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
const START = Date.UTC(2026, 5, 1);
/** What a wall clock may do, one after the other, ms. The last: it stands still. */
const STEPS = [10 * YEAR_MS, -10 * YEAR_MS, -HOUR_MS, 25 * HOUR_MS, 0, 0];
const PER_STEP = 5;

test('a clock that jumps years, steps back or stands still: the order is that of publishing, and every transaction is found', async () => {
  const disk = new SimulatedDisk();
  const time = { now: START };
  const clock = { ...hastyClock, now: () => time.now };
  // So small that every few records begin a segment, with the time of its beginning in its header.
  const options = { clock, segmentBytesMax: 1_500, retentionMs: 24 * HOUR_MS, retentionBytes: 1e9 };
  let owner = simulatedOwner(disk, options);
  await owner.open();
  const published: Message[] = [];
  for (const step of STEPS) {
    time.now += step;
    for (let n = 0; n < PER_STEP; n += 1) {
      const message = { ...makeMessage(), transactionId: uuidV7(time.now), time: time.now };
      assert.deepEqual(codesOf(await owner.publish([message])), ['ok']);
      published.push(message);
    }
  }
  const check = async () => {
    assert.deepEqual(
      idsOf(await readAll(owner)),
      published.map(({ id }) => id),
    );
    for (const { transactionId, id } of published) assert.deepEqual(idsOf(await owner.find(transactionId)), [id]);
  };
  await check();
  await owner.close();
  owner = simulatedOwner(disk, options);
  await owner.open();
  await check();
  // Nothing lived for a day by the log's own count, so nothing is past its retention.
  await owner.release((await owner.backlog([])).end);
  await check();
  await owner.close();
});
