import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from './clock.ts';
import { SteadyClock } from './steady-clock.ts';

/** A machine whose wall clock is set while it runs. */
function machine() {
  const at = { wall: 1_000_000, monotonic: 0 };
  const jumps: number[] = [];
  const clock = new SteadyClock(
    { ...systemClock, now: () => at.wall, monotonic: () => at.monotonic },
    { heldMsMax: 60_000, jumpMsMin: 2_000, onJump: (ms) => jumps.push(ms) },
  );
  const pass = (ms: number, step = 0) => {
    at.monotonic += ms;
    at.wall += ms + step;
    return clock.now();
  };
  return { pass, jumps };
}

test('follows the wall clock, its small corrections too', () => {
  const { pass, jumps } = machine();
  assert.deepEqual([pass(10), pass(5, 3), pass(1_000, 400)], [1_000_010, 1_000_018, 1_001_418]);
  assert.deepEqual(jumps, []);
});

test('stands still while the wall clock catches up after a step back, and tells of the step once', () => {
  const { pass, jumps } = machine();
  assert.deepEqual([pass(10), pass(10, -3_000), pass(1_000)], [1_000_010, 1_000_010, 1_000_010]);
  assert.equal(pass(2_500), 1_000_520);
  assert.deepEqual(jumps, [-3_000]);
});

test('goes back with a clock that was far ahead', () => {
  const { pass, jumps } = machine();
  const day = 86_400_000;
  assert.deepEqual([pass(10, day), pass(10, -day), pass(10)], [1_000_010 + day, 1_000_020, 1_000_030]);
  assert.deepEqual(jumps, [day, -day]);
});
