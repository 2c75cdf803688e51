import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codesOf, idsOf, simulatedOwner } from '../../../test/support/log.ts';
import { SimulatedDisk } from '../../../test/support/simulated-disk.ts';
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
