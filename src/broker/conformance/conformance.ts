import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isAzudError } from '../../error/azud-error.ts';
import type { Message } from '../../event/batch.ts';
import { uuidDerived } from '../../event/ids.ts';
import type { BrokerDriver, Delivery, Position, Progress, PublishResult, Subscription } from '../driver.ts';
import { type BrokerFaults, faultCases } from './faults.ts';
import { makeMessage } from './messages.ts';
import { sharingCases } from './sharing.ts';

/** What a driver's test gives to be held against the contract. Thirty to eighty lines in most adapters. */
export interface BrokerHarness {
  /** Named in the report. */
  readonly name: string;
  /** A new, empty broker, opened. */
  open(): Promise<BrokerDriver>;
  /** Resolves when what was published is visible to everyone; absent where it is at once. */
  settle?(): Promise<void>;
  /** Closes the driver and opens another on the same data. */
  restart?(driver: BrokerDriver): Promise<BrokerDriver>;
  /** Opens a second driver on the same data, as another process would; absent where there is room for one only. */
  another?(): Promise<BrokerDriver>;
  /** What can be done to the server behind it; absent where there is none. */
  readonly faults?: BrokerFaults;
  /** Closes the driver and removes its data. */
  close(driver: BrokerDriver): Promise<void>;
}

const RECEIVE = { messagesMax: 100, bytesMax: 1024 * 1024 };
/** A driver that hangs fails its case, not the run. */
const CASE_MS = 20_000;

/** The contract of `BrokerDriver` as cases; what a driver declares decides which apply. */
export function brokerConformance(harness: BrokerHarness): void {
  describe(`${harness.name} keeps the contract of a broker driver`, { timeout: CASE_MS * 10 }, () => {
    let driver: BrokerDriver;
    beforeEach(async () => {
      driver = await harness.open();
    });
    afterEach(() => harness.close(driver));
    const bench: Bench = {
      driver: () => driver,
      publish: async (...messages) => {
        const results = await driver.publish(messages);
        await harness.settle?.();
        return results.map(positionOf);
      },
      restart: async () => {
        if (harness.restart) driver = await harness.restart(driver);
      },
    };
    delivery(bench);
    progress(bench);
    sums(bench);
    limits(bench);
    if (harness.restart) survival(bench);
    const { another } = harness;
    if (another) sharingCases(bench.driver, another);
    if (harness.faults) faultCases(bench.driver, harness.faults);
  });
}

/** What the cases work with. */
interface Bench {
  driver(): BrokerDriver;
  /** Every message must succeed. */
  publish(...messages: Message[]): Promise<Position[]>;
  restart(): Promise<void>;
}

function delivery({ driver, publish }: Bench): void {
  test('gives every published message once, whole and in order', async () => {
    const messages = Array.from({ length: 25 }, (_, n) => makeMessage({ count: (n % 3) + 1, dataset: `d${n % 2}` }));
    await publish(...messages.slice(0, 10));
    const subscription = await driver().subscribe([]);
    await publish(...messages.slice(10));
    const deliveries = await receive(subscription, 25);
    assert.deepEqual(inOrder(driver(), deliveries.map(plain)), inOrder(driver(), messages.map(comparable)));
    await subscription.ack(deliveries);
    await subscription.close();
  });

  test('gives no more than was asked for at once, and at least one', async () => {
    await publish(...Array.from({ length: 5 }, () => makeMessage({ textBytes: 1_000 })));
    const subscription = await driver().subscribe([]);
    const signal = AbortSignal.timeout(CASE_MS);
    // Behind a network the second may still be on its way.
    const { length } = await subscription.receive({ messagesMax: 2, bytesMax: 1_000_000, signal });
    assert.ok(length === 2 || (length === 1 && driver().capabilities.sharing === 'network'), `${length} were given`);
    assert.equal((await subscription.receive({ messagesMax: 10, bytesMax: 1, signal })).length, 1);
    await subscription.close();
  });

  test('receives nothing when the signal aborts', async () => {
    const subscription = await driver().subscribe([]);
    const abort = new AbortController();
    const waiting = subscription.receive({ ...RECEIVE, signal: abort.signal });
    setImmediate(() => abort.abort());
    assert.deepEqual(await waiting, []);
    assert.deepEqual(await subscription.receive({ ...RECEIVE, signal: abort.signal }), []);
    await subscription.close();
  });

  test('wakes a subscription that waits', async () => {
    const subscription = await driver().subscribe([]);
    const waiting = receive(subscription, 1);
    const message = makeMessage();
    await publish(message);
    assert.equal((await waiting)[0]?.message.id, message.id);
    await subscription.close();
  });

  test('gives nacked deliveries again, not before their time', async () => {
    const messages = [makeMessage(), makeMessage(), makeMessage()];
    await publish(...messages);
    const subscription = await driver().subscribe([]);
    const first = await receive(subscription, 3);
    const begun = performance.now();
    await subscription.nack(first.slice(1), 50);
    const again = await receive(subscription, 2);
    assert.ok(performance.now() - begun >= 45);
    assert.deepEqual(inOrder(driver(), again.map(plain)), inOrder(driver(), first.slice(1).map(plain)));
    await subscription.close();
  });

  test('takes messages from many publishers at once', async () => {
    const messages = Array.from({ length: 64 }, (_, n) => makeMessage({ dataset: `d${n % 4}` }));
    const positions = (await Promise.all(messages.map((message) => publish(message)))).flat();
    const deliveries = await receive(await driver().subscribe([]), 64);
    assert.deepEqual(ids(deliveries).sort(), messages.map(({ id }) => id).sort());
    if (!driver().capabilities.positions) return;
    const told = new Map(positions.map(({ offset }, n) => [offset, messages[n]?.id]));
    for (const { position, message } of deliveries) assert.equal(told.get(position?.offset ?? 0), message.id);
  });
}

function progress({ driver, publish }: Bench): void {
  test('begins after the progress it is given', async () => {
    if (!driver().capabilities.positions) return;
    const messages = [makeMessage(), makeMessage(), makeMessage(), makeMessage()];
    const positions = await publish(...messages);
    const deliveries = await receive(await driver().subscribe(upTo(positions.slice(0, 2))), 2);
    assert.deepEqual(deliveries.map(plain), messages.slice(2).map(comparable));
    assert.deepEqual(
      deliveries.map(({ position }) => position),
      positions.slice(2),
    );
  });

  test('refuses a progress that is ahead of it or of another stream', async () => {
    if (!driver().capabilities.positions) return;
    const [position] = await publish(makeMessage());
    assert.ok(position);
    const ahead = [{ ...position, offset: position.offset + 1 }];
    await assert.rejects(driver().subscribe(ahead), (error) => isAzudError(error, 'log-behind'));
    const other = [{ ...position, stream: uuidDerived('other') }];
    await assert.rejects(driver().subscribe(other), (error) => isAzudError(error, 'log-behind'));
  });

  test('lets what was released go, and nothing after it', async () => {
    const positions = await publish(makeMessage(), makeMessage());
    await driver().release(positions.slice(0, 1));
    const left = makeMessage();
    await publish(left);
    if (!driver().capabilities.positions) return;
    const deliveries = await receive(await driver().subscribe(upTo(positions.slice(0, 2))), 1);
    assert.deepEqual(ids(deliveries), [left.id]);
    assert.equal((await driver().backlog(positions.slice(0, 1))).messages, 2);
  });
}

function sums({ driver, publish }: Bench): void {
  test('counts what is not in the store, exactly, by dataset', async () => {
    const empty = await driver().backlog([]);
    // Who cannot know whether something waits may say so.
    assert.deepEqual(
      [empty.opaque ? (empty.messages ?? 0) : empty.messages, empty.bytes, empty.oldestTime, empty.queued.size],
      [0, 0, null, 0],
    );
    if (!driver().capabilities.positions) return;
    const messages = [
      makeMessage({ dataset: 'a', count: 3, time: 1_000 }),
      makeMessage({ dataset: 'b', count: 2, time: 2_000 }),
      makeMessage({ dataset: 'a', count: 1, time: 3_000 }),
    ];
    const positions = await publish(...messages);
    const whole = await driver().backlog([]);
    assert.deepEqual([...whole.queued].sort(), [
      ['a', 4],
      ['b', 2],
    ]);
    assert.equal(whole.oldestTime, 1_000);
    assert.deepEqual(sorted(whole.end), sorted(upTo(positions)));
    const rest = await driver().backlog(upTo(positions.slice(0, 1)));
    assert.deepEqual([...rest.queued].sort(), [
      ['a', 1],
      ['b', 2],
    ]);
    assert.deepEqual([...(rest.accepted ?? [])].sort(), [
      ['a', 4],
      ['b', 2],
    ]);
    assert.equal(rest.messages, 2);
    assert.equal(rest.bytes, bytesOf(messages.slice(1)));
    assert.equal(rest.oldestTime, 2_000);
    const none = await driver().backlog(upTo(positions));
    assert.deepEqual([none.messages, none.bytes, none.oldestTime, none.queued.size], [0, 0, null, 0]);
  });

  test('finds the messages of a transaction', async () => {
    if (!driver().capabilities.find) return;
    const keyed = uuidDerived('transaction', 'flights', 'key');
    const parts = [makeMessage({ transactionId: keyed }), makeMessage({ transactionId: keyed, dataset: 'b' })];
    const single = makeMessage();
    await publish(makeMessage(), parts[0] as Message, makeMessage(), single, parts[1] as Message, makeMessage());
    const found = async (id: string) => (await driver().find?.(id))?.map(({ message }) => comparable(message));
    assert.deepEqual(await found(keyed), parts.map(comparable));
    assert.deepEqual(await found(single.transactionId), [comparable(single)]);
    assert.deepEqual(await found(makeMessage().transactionId), []);
    assert.deepEqual(await found(uuidDerived('nobody')), []);
  });
}

function limits({ driver, publish }: Bench): void {
  test('refuses a message that is too large and takes its neighbours', async () => {
    const { messageBytesMax } = driver().capabilities;
    const large = { ...makeMessage(), payload: Buffer.alloc(messageBytesMax + 1, 'x') };
    const good = [makeMessage(), makeMessage()];
    const results = await driver().publish([good[0] as Message, large, good[1] as Message]);
    assert.deepEqual(results.map(codeOf), ['ok', 'too-large', 'ok']);
    const deliveries = await receive(await driver().subscribe([]), 2);
    assert.deepEqual(inOrder(driver(), deliveries.map(plain)), inOrder(driver(), good.map(comparable)));
    await publish(makeMessage());
  });

  test('carries a message of the largest size', async () => {
    const { messageBytesMax } = driver().capabilities;
    const message = { ...makeMessage(), payload: Buffer.alloc(messageBytesMax, 'x') };
    await publish(message);
    const [delivered] = await receive(await driver().subscribe([]), 1);
    assert.ok(delivered?.message.payload.equals(message.payload));
  });
}

function survival({ driver, publish, restart }: Bench): void {
  test('keeps everything when it is closed and opened again', async () => {
    const messages = [
      makeMessage({ dataset: 'a', count: 2 }),
      makeMessage({ dataset: 'b' }),
      makeMessage({ dataset: 'a' }),
    ];
    const positions = await publish(...messages);
    const before = await driver().backlog([]);
    await restart();
    assert.deepEqual(await driver().backlog([]), before);
    const later = makeMessage({ dataset: 'b' });
    positions.push(...(await publish(later)));
    const deliveries = await receive(await driver().subscribe([]), 4);
    assert.deepEqual(inOrder(driver(), deliveries.map(plain)), inOrder(driver(), [...messages, later].map(comparable)));
    if (driver().capabilities.positions)
      assert.deepEqual(
        deliveries.map(({ position }) => position),
        positions,
      );
    if (driver().capabilities.find) {
      const found = await driver().find?.(messages[1]?.transactionId ?? '');
      assert.deepEqual(
        found?.map(({ message }) => comparable(message)),
        messages.slice(1, 2).map(comparable),
      );
    }
  });
}

/** Receives until `count` deliveries came. */
async function receive(subscription: Subscription, count: number): Promise<readonly Delivery[]> {
  const deliveries: Delivery[] = [];
  const signal = AbortSignal.timeout(CASE_MS);
  while (deliveries.length < count && !signal.aborted) {
    deliveries.push(...(await subscription.receive({ ...RECEIVE, signal })));
  }
  assert.equal(deliveries.length, count, 'every delivery arrives, and none twice');
  return deliveries;
}

function comparable({ id, dataset, transactionId, events, time, payload }: Message): object {
  return { id, dataset, transactionId, events, time, payload: payload.toString('latin1') };
}

function plain({ message }: Delivery): object {
  return comparable(message);
}

/** The progress of a store that has everything up to the last of these. */
function upTo(positions: readonly Position[]): Progress {
  return [...new Map(positions.map((position) => [position.stream, position])).values()];
}

function sorted(progress: Progress): Progress {
  return [...progress].sort((a, b) => (a.stream < b.stream ? -1 : 1));
}

/** Without the promise of order only the set counts. */
function inOrder(driver: BrokerDriver, messages: readonly object[]): readonly string[] {
  const texts = messages.map((message) => JSON.stringify(message, Object.keys(message).sort()));
  return driver.capabilities.order ? texts : texts.sort();
}

function ids(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(({ message }) => message.id);
}

function bytesOf(messages: readonly Message[]): number {
  return messages.reduce((sum, { payload }) => sum + payload.length, 0);
}

function codeOf(result: PublishResult): string {
  return 'error' in result ? result.error.code : 'ok';
}

function positionOf(result: PublishResult): Position {
  if ('error' in result) throw result.error;
  return result.position ?? { stream: '', offset: 0 };
}
