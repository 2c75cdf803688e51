import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Clock, systemClock } from '../lib/clock.ts';
import { INTAKE_LIMITS } from '../limits.ts';
import { Turns } from './turns.ts';

/** Time that only checks take; pauses end when they are told to. */
function setUp() {
  let now = 0;
  const pauses: { readonly ms: number; readonly end: () => void }[] = [];
  const clock: Clock = {
    ...systemClock,
    monotonic: () => now,
    sleep: (ms) => new Promise((end) => pauses.push({ ms, end })),
  };
  const check = (ms: number) => () => {
    now += ms;
    return now;
  };
  return { turns: new Turns(clock), pauses, check };
}

describe('checks that may last', () => {
  it('follow each other at once where they did not', async () => {
    const { turns, pauses, check } = setUp();
    assert.deepEqual(await Promise.all([1, 2, 3].map((ms) => turns.take(check(ms)))), [1, 3, 6]);
    assert.deepEqual(pauses, []);
  });

  it('leave the others as long as they took, also when they fail, and then go on in their order', async () => {
    const { turns, pauses, check } = setUp();
    const failing = turns.take(() => {
      check(900)();
      throw new RangeError('stopped');
    });
    await assert.rejects(failing, RangeError);
    const done: number[] = [];
    const waiting = [1_000, 1, 1].map((ms) => turns.take(check(ms)).then((at) => done.push(at)));
    assert.deepEqual(
      pauses.map(({ ms }) => ms),
      [900],
    );
    pauses[0]?.end();
    await waiting[0];
    assert.deepEqual(done, [1_900]);
    assert.deepEqual(
      pauses.map(({ ms }) => ms),
      [900, 1_000],
    );
    pauses[1]?.end();
    await Promise.all(waiting);
    assert.deepEqual(done, [1_900, 1_901, 1_902]);
  });

  it('are refused when too many wait already', async () => {
    const { turns, pauses, check } = setUp();
    await turns.take(check(900));
    const waiting = Array.from({ length: INTAKE_LIMITS.checksWaitingMax }, () => turns.take(check(1)));
    await assert.rejects(turns.take(check(1)), { code: 'overloaded' });
    pauses[0]?.end();
    await Promise.all(waiting);
    await turns.take(check(1));
  });
});
