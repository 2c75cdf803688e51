import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codesOf, idsOf, simulatedOwner } from '../../../test/support/log.ts';
import { SimulatedDisk } from '../../../test/support/simulated-disk.ts';
import { uuidV7 } from '../../event/ids.ts';
import { systemClock } from '../../lib/clock.ts';
import { makeMessage } from '../conformance/messages.ts';

/** Derived from a key, as intake does: it has no time of its own. */
const KEYED = '0a3f2c44-0d5e-8a31-9c57-6f1d2b3a4c5d';

test('finds every repeat of a request, near and far, over segments, before and after a restart', async () => {
  const disk = new SimulatedDisk();
  const options = { clock: systemClock, segmentBytesMax: 64 * 1_024 };
  let owner = simulatedOwner(disk, options);
  await owner.open();
  const repeats: string[] = [];
  for (const gap of [0, 0, 0, 3, 0, 1_500, 1, 0, 40]) {
    const others = Array.from({ length: gap }, () => makeMessage());
    const repeat = { ...makeMessage(), transactionId: KEYED };
    repeats.push(repeat.id);
    assert.ok(codesOf(await owner.publish([...others, repeat])).every((code) => code === 'ok'));
  }
  assert.deepEqual(idsOf(await owner.find(KEYED)), repeats);
  await owner.close();
  owner = simulatedOwner(disk, options);
  await owner.open();
  assert.deepEqual(idsOf(await owner.find(KEYED)), repeats);
  await owner.close();
});

test('what the store has is not searched for, nor is what nobody has', async () => {
  const disk = new SimulatedDisk();
  const messages = Array.from({ length: 20 }, () => makeMessage());
  const owner = simulatedOwner(disk, { clock: systemClock });
  await owner.open();
  await owner.publish(messages);
  await owner.close();
  const again = simulatedOwner(disk, { clock: systemClock });
  await again.open();
  const [stored, waiting] = [messages[4]?.transactionId ?? '', makeMessage()];
  assert.equal((await again.find(stored)).length, 1, 'before a store has said how far it is');
  const { end } = await again.backlog([]);
  await again.subscribe(end);
  await again.publish([waiting]);
  disk.calls.length = 0;
  assert.deepEqual(await again.find(stored), []);
  assert.deepEqual(await again.find(uuidV7(systemClock.now())), []);
  assert.deepEqual(disk.calls, [], 'the log was not read');
  assert.deepEqual(idsOf(await again.find(waiting.transactionId)), [waiting.id]);
  await again.close();
});
