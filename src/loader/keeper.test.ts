import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Progress } from '../broker/driver.ts';
import { AzudError } from '../error/azud-error.ts';
import type { Clock } from '../lib/clock.ts';
import { silentLog } from '../telemetry/log.ts';
import { Keeper } from './keeper.ts';

const LIMITS = {
  tickMs: 10,
  sweepIntervalMs: 100,
  snapshotGrowthBytes: 1_000,
  snapshotGrowthShare: 0.5,
  snapshotIntervalMs: 5_000,
};

/** Time that passes only when someone sleeps. */
class Time implements Clock {
  at = 0;
  sleeps = 0;
  now = () => 1_000_000 + this.at;
  monotonic = () => this.at;
  async sleep(ms: number): Promise<void> {
    this.at += ms;
    this.sleeps += 1;
  }
}

/** A log that has grown to `bytes`, and a store that has all of it. */
function setting(snapshot: boolean) {
  const clock = new Time();
  const done: string[] = [];
  const log = { bytes: 0 };
  const progress = (): Progress => [{ stream: 's', offset: log.bytes }];
  const store = {
    progress: async () => progress(),
    sweep: async (now: number) => void done.push(`sweep ${now}`),
    ...(snapshot && {
      snapshot: async () => {
        done.push('snapshot');
        return progress();
      },
    }),
  };
  const broker = {
    backlog: async (after: Progress) => ({
      messages: 0,
      bytes: log.bytes - (after[0]?.offset ?? 0),
      oldestTime: null,
      queued: new Map(),
      accepted: null,
      end: progress(),
    }),
    release: async (upTo: Progress) => void done.push(`release ${upTo[0]?.offset}`),
  };
  const keeper = new Keeper({ store, broker, clock, log: silentLog, limits: LIMITS });
  return { keeper, clock, done, log, store, broker };
}

describe('the keeper', () => {
  test('takes a snapshot when the log has grown enough, then lets the log go up to it', async () => {
    const { keeper, done, log } = setting(true);
    log.bytes = 999;
    await keeper.tick();
    log.bytes = 1_000;
    await keeper.tick();
    log.bytes = 1_999;
    await keeper.tick();
    assert.deepEqual(done, ['sweep 1000000', 'snapshot', 'release 1000']);
  });

  test('copies a large store more seldom', async () => {
    const { keeper, done, log, store } = setting(true);
    Object.assign(store, { snapshotBytes: async () => 4_000 });
    log.bytes = 1_999;
    await keeper.tick();
    log.bytes = 2_000;
    await keeper.tick();
    assert.deepEqual(done, ['sweep 1000000', 'snapshot', 'release 2000']);
  });

  test('lets a quiet log go after a while, and leaves an idle one alone', async () => {
    const { keeper, clock, done, log } = setting(true);
    await keeper.tick();
    clock.at = 5_000;
    await keeper.tick();
    log.bytes = 1;
    await keeper.tick();
    assert.deepEqual(
      done.filter((what) => !what.startsWith('sweep')),
      ['snapshot', 'release 1'],
    );
  });

  test('releases what is committed where the store is its own safety', async () => {
    const { keeper, done, log } = setting(false);
    log.bytes = 2_000;
    await keeper.tick();
    assert.deepEqual(done, ['sweep 1000000', 'release 2000']);
  });

  test('counts on from the snapshot of the process before it', async () => {
    const { keeper, done, log, store } = setting(true);
    Object.assign(store, { lastSnapshot: async () => [{ stream: 's', offset: 5_000 }] });
    log.bytes = 5_999;
    await keeper.tick();
    log.bytes = 6_000;
    await keeper.tick();
    assert.deepEqual(done, ['sweep 1000000', 'snapshot', 'release 6000']);
  });

  test('begins anew where the last snapshot is of another log', async () => {
    const { keeper, done, log, store, broker } = setting(true);
    Object.assign(store, { lastSnapshot: async () => [{ stream: 'other', offset: 5_000 }] });
    const { backlog } = broker;
    broker.backlog = async (after) => {
      if (after[0]?.stream === 'other') throw new AzudError('log-behind', 'another log');
      return backlog(after);
    };
    log.bytes = 1_000;
    await keeper.tick();
    assert.deepEqual(done, ['sweep 1000000', 'snapshot', 'release 1000']);
  });

  test('sweeps at its interval', async () => {
    const { keeper, clock, done } = setting(true);
    for (; clock.at < 250; clock.at += 50) await keeper.tick();
    assert.deepEqual(done, ['sweep 1000000', 'sweep 1000100', 'sweep 1000200']);
  });

  test('goes on after a full disk, and stops when the store is damaged', async () => {
    const { keeper, clock, store } = setting(true);
    store.sweep = async () => {
      throw new AzudError(clock.sleeps < 3 ? 'storage-full' : 'store-damaged', 'no');
    };
    await assert.rejects(keeper.run(new AbortController().signal), { code: 'store-damaged' });
    assert.equal(clock.sleeps, 3);
  });

  test('ends when it is told to', async () => {
    const { keeper } = setting(true);
    await keeper.run(AbortSignal.abort());
  });
});
