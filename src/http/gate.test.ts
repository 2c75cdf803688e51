import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate } from './gate.ts';

const LIMITS = { concurrentPerTokenMax: 2, seatWaitMs: 30 };

test('a third read of one token waits for one of the first two to leave; another token does not', async () => {
  const gate = new Gate({ ...LIMITS, seatWaitMs: 60_000 });
  const [first] = [await gate.enter('a'), await gate.enter('a')];
  const third = gate.enter('a');
  const order: string[] = [];
  void Promise.resolve(third).then(() => order.push('a'));
  const other = await gate.enter('b');
  order.push('b');
  first?.();
  (await third)();
  other();
  assert.deepEqual(order, ['b', 'a']);
});

test('a read that finds no place in time is refused, and takes none', async () => {
  const gate = new Gate(LIMITS);
  const leave = [await gate.enter('a'), await gate.enter('a')];
  await assert.rejects(async () => gate.enter('a'), { code: 'rate-limited', retryAfterSeconds: 1 });
  for (const each of leave) each();
  const again = [await gate.enter('a'), await gate.enter('a')];
  for (const each of again) each();
});
