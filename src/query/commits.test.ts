import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../lib/clock.ts';
import { Commits } from './commits.ts';

const NEVER = new AbortController().signal;

/** A clock that only a signal wakes: no time ever passes. */
const frozen: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: (_ms, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true })),
};

test('everybody who waits for a transaction hears of its commit, and nobody else', async () => {
  const commits = new Commits(frozen);
  const heard: string[] = [];
  const stop = new AbortController();
  const waits = ['a', 'a', 'b'].map((id) => commits.next(id, 1_000, stop.signal).then(() => heard.push(id)));
  commits.tell(['a']);
  await Promise.all(waits.slice(0, 2));
  assert.deepEqual(heard, ['a', 'a']);
  stop.abort();
  await waits[2];
});

test('a wait ends by itself when its time is over', async () => {
  const commits = new Commits({ ...frozen, sleep: async () => {} });
  await commits.next('a', 1, NEVER);
  commits.tell(['a']);
});
