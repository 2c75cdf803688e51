import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { makeMessage } from '../broker/conformance/messages.ts';
import type { Delivery, ReceiveOptions } from '../broker/driver.ts';
import type { Clock } from '../lib/clock.ts';
import { Gatherer } from './unit.ts';

const LIMITS = {
  unitEventsMax: 1_000,
  unitEventsAmple: 500,
  unitBytesMax: 10_000_000,
  unitBatchesMax: 1_000,
  unitDelayMs: 100,
  unitIntervalMs: 250,
  receiveIntervalMs: 20,
};

/** Its time goes on only when nobody has anything else to do: to the next who sleeps. */
class IdleClock implements Clock {
  #ms = 0;
  readonly #sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();

  now(): number {
    return this.#ms;
  }

  monotonic(): number {
    return this.#ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = { at: this.#ms + ms, wake: () => void (this.#sleepers.delete(sleeper) && resolve()) };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', sleeper.wake, { once: true });
    });
  }

  async until<T>(work: Promise<T>): Promise<T> {
    let ended = false;
    const end = () => {
      ended = true;
    };
    work.then(end, end);
    for (await nextTurn(); !ended; await nextTurn()) {
      const [next] = [...this.#sleepers].sort((a, b) => a.at - b.at);
      if (!next) continue;
      this.#ms = Math.max(this.#ms, next.at);
      next.wake();
    }
    return work;
  }
}

/** A broker in which `waiting(look)` deliveries wait at each look, from 1. */
class Looked {
  readonly looks: number[] = [];
  #look = 0;
  readonly unhurried?: true;
  readonly #clock: Clock;
  readonly #waiting: (look: number) => number;

  constructor(clock: Clock, waiting: (look: number) => number, unhurried?: true) {
    this.#clock = clock;
    this.#waiting = waiting;
    if (unhurried) this.unhurried = unhurried;
  }

  async receive({ signal }: ReceiveOptions): Promise<readonly Delivery[]> {
    if (signal.aborted) return [];
    this.looks.push(this.#clock.monotonic());
    this.#look += 1;
    return Array.from({ length: this.#waiting(this.#look) }, () => ({
      message: makeMessage({ textBytes: 1_000 }),
      position: null,
    }));
  }
}

async function looksOf(waiting: (look: number) => number, unhurried?: true) {
  const clock = new IdleClock();
  const looked = new Looked(clock, waiting, unhurried);
  const gatherer = new Gatherer(looked, { datasets: new Map(), clock, limits: LIMITS });
  const signal = new AbortController().signal;
  const first = await clock.until(gatherer.next(signal));
  const firstLooks = looked.looks.splice(0);
  const second = await clock.until(gatherer.next(signal));
  return { firstLooks, secondLooks: looked.looks, units: [first, second].map((unit) => unit?.deliveries.length) };
}

describe('gathering', () => {
  test('looks again and again where what waits may hold up others', async () => {
    const { firstLooks, secondLooks } = await looksOf(() => 1);
    assert.deepEqual(firstLooks, [0, 20, 40, 60, 80]);
    assert.equal(secondLooks.length, 13);
  });

  test('looks at the beginning and shortly before the end where what waits costs nothing', async () => {
    const { firstLooks, secondLooks, units } = await looksOf(() => 1, true);
    assert.deepEqual(firstLooks, [0, 80]);
    assert.deepEqual(secondLooks, [100, 330]);
    assert.deepEqual(units, [2, 2]);
  });

  test('looks at once while much is waiting', async () => {
    const { firstLooks, units } = await looksOf((look) => (look <= 3 ? 300 : 1), true);
    assert.deepEqual(firstLooks, [0, 0, 0, 0, 80]);
    assert.equal(units[0], 902);
  });

  test('an ample unit does not wait for the one before it once nothing more comes; a smaller one does', async () => {
    const gather = async (waiting: number) => {
      const clock = new IdleClock();
      const looked = new Looked(clock, (look) => (look === 1 ? waiting : 0), true);
      const gatherer = new Gatherer(looked, { datasets: new Map(), clock, limits: LIMITS });
      const gathered = await clock.until(gatherer.next(new AbortController().signal, clock.sleep(1_000)));
      return [gathered?.deliveries.length, clock.monotonic()];
    };
    assert.deepEqual(await gather(500), [500, 120]);
    assert.deepEqual(await gather(499), [499, 1_000]);
  });

  test('what did not fit a unit is the beginning of the next, and tells of more', async () => {
    const { firstLooks, secondLooks, units } = await looksOf((look) => (look <= 4 ? 300 : 1), true);
    assert.deepEqual(firstLooks, [0, 0, 0, 0]);
    assert.deepEqual(units, [1_000, 202]);
    assert.deepEqual(secondLooks, [0, 230]);
  });
});
