import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AzudError } from '../error/azud-error.ts';
import type { ErrorCode } from '../error/catalogue.ts';
import type { Batch, Message } from '../event/batch.ts';
import { decodeBatch, encodeBatch } from '../event/codec.ts';
import { eventIdAt, uuidV7 } from '../event/ids.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { silentLog } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { Broker, type BrokerOptions } from './broker.ts';
import { makeMessage } from './conformance/messages.ts';
import type { PublishResult } from './driver.ts';
import { MemoryDriver } from './memory/driver.ts';

/** A memory driver whose next publishes fail with the given codes, then succeed. */
class FailingDriver extends MemoryDriver {
  readonly failures: ErrorCode[];
  publishes = 0;

  constructor(failures: ErrorCode[], messageBytesMax = 1_000_000) {
    super({ clock: systemClock, messageBytesMax });
    this.failures = failures;
  }

  override async publish(messages: readonly Message[]): Promise<readonly PublishResult[]> {
    this.publishes += 1;
    const code = this.failures.shift();
    if (code === undefined) return super.publish(messages);
    return messages.map(() => ({ error: new AzudError(code, 'as the test asks') }));
  }
}

const quickClock: Clock = {
  ...systemClock,
  sleep: async () => {},
};

async function open(driver: MemoryDriver, options: Partial<BrokerOptions> = {}): Promise<Broker> {
  const broker = new Broker({ driver, metrics: new Metrics(), log: silentLog, clock: quickClock, ...options });
  await broker.open();
  return broker;
}

const codes = (results: readonly PublishResult[]) =>
  results.map((result) => ('error' in result ? result.error.code : 'ok'));

test('publishes again what was surely not sent', async () => {
  const driver = new FailingDriver(['not-connected', 'overloaded']);
  const broker = await open(driver);
  assert.deepEqual(codes(await broker.publish([makeMessage(), makeMessage()])), ['ok', 'ok']);
  assert.equal(driver.publishes, 3);
  assert.equal((await broker.backlog([])).messages, 2);
});

test('does not publish again what may have been written', async () => {
  for (const code of ['unavailable', 'storage-full', 'io-failed'] as const) {
    const driver = new FailingDriver([code]);
    const broker = await open(driver);
    assert.deepEqual(codes(await broker.publish([makeMessage()])), [code]);
    assert.equal(driver.publishes, 1);
  }
});

test('gives up after the last try with the error of the driver', async () => {
  const driver = new FailingDriver(Array.from({ length: 10 }, () => 'not-connected' as const));
  const broker = await open(driver);
  assert.deepEqual(codes(await broker.publish([makeMessage()])), ['not-connected']);
  assert.equal(driver.publishes, 6);
});

test('answers overloaded while too many bytes wait', async () => {
  const broker = await open(new FailingDriver([]), { pendingBytesMax: 1_000 });
  const first = broker.publish([makeMessage({ textBytes: 900 })]);
  const second = broker.publish([makeMessage({ textBytes: 900 })]);
  assert.deepEqual(codes(await second), ['overloaded']);
  assert.deepEqual(codes(await first), ['ok']);
  assert.equal(broker.pendingBytes, 0);
  assert.deepEqual(codes(await broker.publish([makeMessage({ textBytes: 5_000 })])), ['ok']);
});

test('counts accepted events by dataset, once', async () => {
  const metrics = new Metrics();
  const broker = await open(new FailingDriver([]), { metrics });
  await broker.publish([makeMessage({ dataset: 'a', count: 3 }), makeMessage({ dataset: 'b' })]);
  const text = await metrics.expose();
  assert.match(text, /azud_accepted_total\{dataset="a"\} 3/);
  assert.match(text, /azud_accepted_total\{dataset="b"\} 1/);
});

function wholeBatch(count: number): Batch {
  const id = uuidV7(1);
  return {
    id,
    dataset: 'flights',
    transactionId: uuidV7(2),
    receivedAt: 2,
    source: 'http',
    count,
    lines: Buffer.from(Array.from({ length: count }, (_, n) => `{"n":${n},"text":"${'y'.repeat(n * 7)}"}\n`).join('')),
    ids: null,
    rows: null,
    extras: true,
    rejects: [1, 2, 3].map((n) => ({
      id: uuidV7(n),
      row: count + n,
      code: 'schema_violation',
      message: 'no',
      path: '/n',
      original: Buffer.alloc(200, n),
      eventId: null,
    })),
    replays: null,
    discards: [],
  };
}

test('splits a message on its lines, and every event keeps its id and row', async () => {
  const driver = new FailingDriver([], 1_000);
  const broker = await open(driver);
  const whole = wholeBatch(40);
  const message = encodeBatch(whole);
  const [result] = await broker.publish([message]);
  const { messages, queued, end } = await broker.backlog([]);
  assert.ok(Number(messages) > 5);
  assert.equal(queued.get('flights'), 43);
  assert.deepEqual(result, { position: end[0] });
  const subscription = await broker.subscribe([]);
  const deliveries = await subscription.receive({
    messagesMax: 1_000,
    bytesMax: 1e6,
    signal: new AbortController().signal,
  });
  const parts = deliveries.map((delivery) => decodeBatch(delivery.message));
  assert.ok(deliveries.every((delivery) => delivery.message.payload.length <= 1_000));
  assert.equal(new Set(parts.map((part) => part.id)).size, parts.length);
  assert.equal(Buffer.concat(parts.map((part) => part.lines)).toString(), whole.lines.toString());
  const lines = Array.from({ length: 40 }, (_, n) => n);
  assert.deepEqual(
    parts.flatMap((part) => part.ids ?? []),
    lines.map((line) => eventIdAt(whole.transactionId, line)),
  );
  assert.deepEqual(
    parts.flatMap((part) => part.rows ?? []),
    lines.map((line) => line + 1),
  );
  assert.deepEqual(
    parts.flatMap((part) => part.rejects),
    whole.rejects,
  );
});

test('refuses a message whose one event does not fit, and publishes the others', async () => {
  const broker = await open(new FailingDriver([], 1_000));
  const results = await broker.publish([makeMessage(), makeMessage({ count: 3, textBytes: 2_000 }), makeMessage()]);
  assert.deepEqual(codes(results), ['ok', 'too-large', 'ok']);
  assert.equal((await broker.backlog([])).messages, 2);
});
