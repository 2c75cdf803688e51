import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../lib/clock.ts';
import { makeMessage } from './conformance/messages.ts';
import type { Delivery } from './driver.ts';
import { Inbox } from './inbox.ts';

const delivery = (textBytes = 10): Delivery => ({ message: makeMessage({ textBytes }), position: null });
const want = (over: { messagesMax?: number; bytesMax?: number; signal?: AbortSignal } = {}) => ({
  messagesMax: 100,
  bytesMax: 1_000_000,
  signal: AbortSignal.timeout(10_000),
  ...over,
});

test('gives out what has arrived in its order, at most as many and as much as asked, and at least one', async () => {
  const inbox = new Inbox(systemClock);
  const [first, second, third] = [delivery(), delivery(5_000), delivery()];
  for (const each of [first, second, third]) inbox.put(each);
  assert.deepEqual(await inbox.take(want({ messagesMax: 1 })), [first]);
  assert.deepEqual(await inbox.take(want({ bytesMax: 1 })), [second]);
  assert.equal(inbox.bytes, third.message.payload.length);
  assert.deepEqual(await inbox.take(want()), [third]);
  assert.equal(inbox.bytes, 0);
});

test('wakes everybody who waits, for an arrival and for a failure', async () => {
  const inbox = new Inbox(systemClock);
  const waiting = inbox.take(want());
  const late = delivery();
  inbox.put(late);
  assert.deepEqual(await waiting, [late]);
  const failing = [inbox.take(want()), inbox.take(want())];
  const failure = new Error('gone');
  inbox.fail(failure);
  inbox.fail(new Error('a second'));
  for (const each of failing) await assert.rejects(each, failure);
  assert.equal(inbox.failure, failure);
});

test('gives what was put back again before all others, and not before its delay', async () => {
  const time = { now: 0 };
  const waits: number[] = [];
  const sleep = async (ms: number) => {
    waits.push(ms);
    time.now += ms;
  };
  const inbox = new Inbox({ now: () => time.now, monotonic: () => time.now, sleep });
  const [back, soon, later] = [delivery(), delivery(), delivery()];
  inbox.putBack([back], 500);
  inbox.putBack([soon], 200);
  inbox.put(later);
  assert.deepEqual(await inbox.take(want()), [later]);
  assert.deepEqual(await inbox.take(want()), [soon]);
  assert.deepEqual(await inbox.take(want()), [back]);
  assert.deepEqual(waits, [200, 300]);
  inbox.put(later);
  inbox.putBack([back], 0);
  assert.deepEqual(await inbox.take(want()), [back, later]);
});

test('gives nothing when the caller has given up', async () => {
  const inbox = new Inbox(systemClock);
  const abort = new AbortController();
  const waiting = inbox.take(want({ signal: abort.signal }));
  abort.abort();
  assert.deepEqual(await waiting, []);
});
