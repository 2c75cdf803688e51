import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from '../../../test/support/eventually.ts';
import { PUBSUB_SETTINGS, PubsubEmulator } from '../../../test/support/pubsub.ts';
import { TcpProxy } from '../../../test/support/tcp-proxy.ts';
import { isAzudError } from '../../error/azud-error.ts';
import type { Message } from '../../event/batch.ts';
import { systemClock } from '../../lib/clock.ts';
import { brokerConformance } from '../conformance/conformance.ts';
import { deadLetterQueueCase } from '../conformance/dead-letter-queue.ts';
import { makeMessage } from '../conformance/messages.ts';
import type { Delivery, Subscription } from '../driver.ts';
import { connectionTo, type Link } from './connection.ts';
import { PubsubDriver, type PubsubSettings } from './driver.ts';
import { declare, exists, remove, type Topology } from './topology.ts';

let emulator: PubsubEmulator;
let proxy: TcpProxy;
let topic = '';

before(async () => {
  emulator = await PubsubEmulator.start();
  proxy = await TcpProxy.start(() => emulator.port);
});
after(async () => {
  await proxy.close();
  await emulator.stop();
});

function newTopic(): string {
  topic = `azud_test_${randomUUID()}`;
  return topic;
}

async function openDriver(settings: Partial<PubsubSettings> = {}): Promise<PubsubDriver> {
  const all = { ...PUBSUB_SETTINGS, topic, emulator: emulator.host, ...settings };
  const driver = new PubsubDriver(all, { system: 'test', clock: systemClock });
  await driver.open();
  return driver;
}

function topologyOf(settings: Partial<Topology> = {}): Topology {
  return { ...PUBSUB_SETTINGS, topic, subscription: topic, ...settings };
}

/** As infrastructure code would: past the driver. */
async function onServer<T>(act: (link: Link) => Promise<T>): Promise<T> {
  const connection = connectionTo({ project: 'test', credentials: null, emulator: emulator.host });
  try {
    return await act(await connection.open());
  } finally {
    await connection.close();
  }
}

// All but a server that is killed and comes back with its data: the emulator keeps none. And not with `ordering`, for
// then the next batches of a dataset come only when those before are acked. Both are tested below.
for (const [name, settings] of [
  ['pubsub', {}],
  ['pubsub (exactly once)', { exactly_once: true }],
] as const) {
  const open = () => openDriver({ ...settings, emulator: `127.0.0.1:${proxy.port}` });
  brokerConformance({
    name,
    open: () => {
      newTopic();
      return open();
    },
    restart: async (driver) => {
      await driver.close();
      return open();
    },
    another: open,
    faults: {
      cut: () => proxy.cut(),
      removeTopic: () => onServer((link) => remove(link, topologyOf())),
    },
    close: async (driver) => {
      await driver.close();
      await onServer((link) => remove(link, topologyOf()));
    },
  });
}

const RECEIVE = { messagesMax: 100, bytesMax: 1e6 };

async function collect(subscription: Subscription, count: number): Promise<Delivery[]> {
  const signal = AbortSignal.timeout(20_000);
  const got: Delivery[] = [];
  while (got.length < count && !signal.aborted) got.push(...(await subscription.receive({ ...RECEIVE, signal })));
  return got;
}

const ids = (deliveries: readonly Delivery[]) => deliveries.map(({ message }) => message.id).sort();

describe('pubsub', () => {
  const refuses = (settings: Partial<PubsubSettings>, code: string, words: RegExp) =>
    assert.rejects(openDriver(settings), (error) => {
      assert.ok(isAzudError(error), String(error));
      assert.match(`${error.message} ${error.hint}`, words);
      assert.equal(error.code, code);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });

  test('says which service does not answer', async () => {
    newTopic();
    await refuses(
      { emulator: '127.0.0.1:1' },
      'not-connected',
      /127\.0\.0\.1:1|topic.*cannot be reached.*ECONNREFUSED/,
    );
  });

  test('names everything that infrastructure code has to make', async () => {
    newTopic();
    const wanted = { auto_declare: false, ordering: true, dead_letter_topic: `${topic}_dead` };
    await refuses(
      wanted,
      'topic-missing',
      /no topic azud_test_\S+ .*no subscription.*message ordering.*no topic \S+_dead/,
    );
    await onServer(({ publisher }) => publisher.createTopic({ name: `projects/test/topics/${topic}` }));
    await refuses(
      { auto_declare: false },
      'topic-missing',
      /auto_declare is false, and the server has no subscription azud/,
    );
    await onServer((link) => declare(link, topologyOf()));
    await (await openDriver({ auto_declare: false })).close();
  });

  test('says whose credentials cannot be used, and why', async () => {
    newTopic();
    const folder = await mkdtemp(join(tmpdir(), 'azud-pubsub-'));
    const file = join(folder, 'key.json');
    const with_ = { emulator: null, credentials: file };
    await refuses(with_, 'access-denied', /key\.json cannot be used: .*(ENOENT|does not exist).*broker\.credentials/);
    await writeFile(file, 'no key');
    await refuses(with_, 'access-denied', /key\.json cannot be used: .*JSON/);
    const key = { type: 'service_account', project_id: 'test', client_email: 'a@test.iam', private_key: 'wrong' };
    await writeFile(file, JSON.stringify(key));
    await refuses(with_, 'access-denied', /key\.json cannot be used: .*(DECODER|unsupported|PEM)/i);
    await rm(folder, { recursive: true });
  });

  test('refuses a subscription that would lose events, or is another than asked for', async () => {
    const made = (config: Partial<Parameters<Link['subscriber']['createSubscription']>[0]>) =>
      onServer(async ({ publisher, subscriber }) => {
        const name = `projects/test/topics/${newTopic()}`;
        await publisher.createTopic({ name });
        const own = { name: name.replace('topics', 'subscriptions'), topic: name, expirationPolicy: {} };
        await subscriber.createSubscription({ ...own, ...config });
      });
    await made({ filter: 'attributes.dataset = "a"' });
    await refuses({}, 'unsafe-setting', /has a filter/);
    await made({ expirationPolicy: { ttl: { seconds: 86_400 } } });
    await refuses({}, 'unsafe-setting', /expires when no loader runs.*--expiration-period=never/);
    await made({ pushConfig: { pushEndpoint: 'http://127.0.0.1:1/' } });
    await refuses({}, 'unsafe-setting', /gives its messages to somebody else/);
    await made({});
    await refuses({ ordering: true }, 'unsafe-setting', /keeps no order/);
    await refuses({ exactly_once: true }, 'unsafe-setting', /at least once.*--enable-exactly-once-delivery/);
    await refuses({ dead_letter_topic: `${topic}_dead` }, 'unsafe-setting', /dead-letter topic azud_test_\S+_dead/);
    const subscription = topic;
    await refuses({ topic: newTopic(), subscription }, 'unsafe-setting', /belongs to projects\/test\/topics\/azud/);
    await refuses({ topic: newTopic(), retention: 864_000_000 }, 'invalid-config', /retention/);
  });

  test('exists, declares and removes all that a dead-letter topic needs, however often', async () => {
    newTopic();
    const topology = topologyOf({ dead_letter_topic: `${topic}_dead`, exactly_once: true });
    await onServer(async (link) => {
      assert.equal(await exists(link, topology), null);
      await declare(link, topology);
      await declare(link, topology);
      const found = await exists(link, topology);
      assert.equal(found?.deadLetterPolicy?.deadLetterTopic, `projects/test/topics/${topic}_dead`);
      assert.equal(found?.enableExactlyOnceDelivery, true);
      await remove(link, topology);
      await remove(link, topology);
      assert.equal(await exists(link, topology), null);
    });
  });

  test('two loaders share a subscription within their bounds, and what one does not ack the other gets', async () => {
    newTopic();
    const drivers = [await openDriver({ prefetch: 5 }), await openDriver({ prefetch: 5 })] as const;
    const messages = Array.from({ length: 10 }, () => makeMessage());
    for (const result of await drivers[0].publish(messages)) assert.ok('position' in result);
    assert.equal((await drivers[0].backlog()).messages, null, 'who does not subscribe cannot know');
    const first = await collect(await drivers[0].subscribe(), 5);
    assert.equal((await drivers[0].backlog()).messages, 5);
    const second = await collect(await drivers[1].subscribe(), 5);
    assert.deepEqual(ids([...first, ...second]), messages.map(({ id }) => id).sort());
    await drivers[0].close();
    const third = await openDriver();
    assert.deepEqual(ids(await collect(await third.subscribe(), 5)), ids(first));
    await Promise.all([drivers[1].close(), third.close()]);
  });

  test('pulls no more once it holds the bytes that it may, and goes on when they are acked', async () => {
    newTopic();
    const driver = await openDriver({ prefetch_bytes: 10_000 });
    await driver.publish(Array.from({ length: 400 }, () => makeMessage({ textBytes: 1_000 })));
    const subscription = await driver.subscribe();
    let count = 0;
    while (count < 400) {
      const deliveries = await subscription.receive({ ...RECEIVE, signal: AbortSignal.timeout(20_000) });
      assert.ok(deliveries.length > 0, `${count} of 400 came`);
      assert.ok(Number((await driver.backlog()).messages) <= 200, 'the emulator gives a hundred in an answer');
      await subscription.ack(deliveries);
      count += deliveries.length;
    }
    await driver.close();
  });

  test('what a loader takes long to store is given to nobody else meanwhile', async () => {
    newTopic();
    const drivers = [await openDriver(), await openDriver()] as const;
    await drivers[0].publish([makeMessage()]);
    const subscription = await drivers[0].subscribe();
    const deliveries = await collect(subscription, 1);
    const other = await drivers[1].subscribe();
    const pastDeadline = AbortSignal.timeout(PUBSUB_SETTINGS.ack_deadline * 1.3);
    assert.deepEqual(await other.receive({ ...RECEIVE, signal: pastDeadline }), []);
    await subscription.ack(deliveries);
    await Promise.all(drivers.map((driver) => driver.close()));
  });

  test('batches of one dataset come in their order where that is asked for', async () => {
    newTopic();
    const driver = await openDriver({ ordering: true });
    const messages = Array.from({ length: 200 }, (_, n) => makeMessage({ dataset: `d${n % 2}` }));
    await Promise.all(messages.map((message) => driver.publish([message])));
    const subscription = await driver.subscribe();
    const deliveries: Delivery[] = [];
    while (deliveries.length < messages.length) {
      const next = await subscription.receive({ ...RECEIVE, signal: AbortSignal.timeout(20_000) });
      assert.ok(next.length > 0, `${deliveries.length} of 200 came`);
      await subscription.ack(next);
      deliveries.push(...next);
    }
    for (const dataset of ['d0', 'd1']) {
      const order = (all: readonly Message[]) => all.filter((each) => each.dataset === dataset).map(({ id }) => id);
      assert.deepEqual(order(deliveries.map(({ message }) => message)), order(messages));
    }
    await driver.close();
  });

  deadLetterQueueCase({
    open: () => {
      newTopic();
      return openDriver({ dead_letter_topic: `${topic}_dead` });
    },
    aside: () =>
      onServer(async ({ subscriber }) => {
        const subscription = `projects/test/subscriptions/${topic}_dead`;
        const [{ receivedMessages }] = await subscriber.pull({ subscription, maxMessages: 1, returnImmediately: true });
        return receivedMessages?.[0]?.message?.attributes?.id ?? null;
      }),
  });

  test('a message of somebody else is not skipped silently', async () => {
    newTopic();
    const driver = await openDriver();
    const message = { data: Buffer.from('{}'), attributes: { id: '1' } };
    await onServer(({ publisher }) =>
      publisher.publish({ topic: `projects/test/topics/${topic}`, messages: [message] }),
    );
    const subscription = await driver.subscribe();
    await assert.rejects(collect(subscription, 1), (error) => isAzudError(error, 'log-damaged'));
    await driver.close();
  });

  test('an emulator that was replaced says what is missing, and a start makes it again', async () => {
    newTopic();
    const own = await PubsubEmulator.start();
    const driver = await openDriver({ emulator: own.host });
    const subscription = await driver.subscribe();
    await own.replace();
    await assert.rejects(collect(subscription, 1), (error) => isAzudError(error, 'not-connected'));
    await subscription.close();
    const [result] = await eventually(async () => {
      const results = await driver.publish([makeMessage()]);
      assert.ok(results[0] && 'error' in results[0] && results[0].error.code !== 'not-connected');
      return results;
    });
    assert.ok(result && 'error' in result && result.error.code === 'topic-missing', JSON.stringify(result));
    await assert.rejects(driver.subscribe(), (error) => isAzudError(error, 'topic-missing'));
    await driver.close();
    const again = await openDriver({ emulator: own.host });
    assert.ok('position' in ((await again.publish([makeMessage()]))[0] ?? {}));
    await again.close();
    await own.stop();
  });

  test('leaves nothing open when it is closed: the process ends by itself', async () => {
    newTopic();
    const settings = JSON.stringify({ ...PUBSUB_SETTINGS, topic, emulator: emulator.host });
    const script = `
      import { PubsubDriver } from ${JSON.stringify(import.meta.resolve('./driver.ts'))};
      import { systemClock } from ${JSON.stringify(import.meta.resolve('../../lib/clock.ts'))};
      const driver = new PubsubDriver(${settings}, { system: 'test', clock: systemClock });
      await driver.open();
      const subscription = await driver.subscribe();
      void subscription.receive({ messagesMax: 1, bytesMax: 1, signal: new AbortController().signal }).catch(() => {});
      await driver.close();
      console.log('closed');`;
    const run = promisify(execFile);
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', script], { timeout: 15_000 });
    assert.deepEqual([stdout, stderr], ['closed\n', '']);
  });
});
