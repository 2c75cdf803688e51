import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { PassThrough } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { Connection } from 'rabbitmq-client';
import { eventually } from '../../../test/support/eventually.ts';
import { ownQueues, RABBITMQ_SERVER, RABBITMQ_SETTINGS, RabbitmqServer } from '../../../test/support/rabbitmq.ts';
import { TcpProxy } from '../../../test/support/tcp-proxy.ts';
import { isAzudError } from '../../error/azud-error.ts';
import { systemClock } from '../../lib/clock.ts';
import { brokerConformance } from '../conformance/conformance.ts';
import { deadLetterQueueCase } from '../conformance/dead-letter-queue.ts';
import { makeMessage } from '../conformance/messages.ts';
import type { Delivery } from '../driver.ts';
import { applyTopology } from '../topology.ts';
import { RabbitmqDriver, type RabbitmqSettings } from './driver.ts';
import { remove } from './topology.ts';

const ownQueue = ownQueues();
let queue = '';

function newQueue(): string {
  queue = ownQueue();
  return queue;
}

async function openDriver(settings: Partial<RabbitmqSettings> = {}): Promise<RabbitmqDriver> {
  const driver = new RabbitmqDriver(
    { ...RABBITMQ_SETTINGS, queue, ...settings },
    { system: 'test', clock: systemClock },
  );
  await driver.open();
  return driver;
}

/** As infrastructure code would: past the driver. */
async function onServer<T>(act: (client: Connection) => Promise<T>, server = RABBITMQ_SERVER): Promise<T> {
  const client = new Connection({ hosts: [server] });
  try {
    return await act(client);
  } finally {
    await client.close();
  }
}

const removeQueue = (server: string) => onServer((client) => remove(client, { ...RABBITMQ_SETTINGS, queue }), server);

describe('on a server of its own, behind a proxy', () => {
  let server: RabbitmqServer;
  let proxy: TcpProxy;
  before(async () => {
    server = await RabbitmqServer.start();
    proxy = await TcpProxy.start(() => server.port);
  });
  after(async () => {
    await proxy?.close();
    await server?.stop();
  });
  const own = () => `127.0.0.1:${server.port}`;
  const open = () => openDriver({ servers: `127.0.0.1:${proxy.port}` });

  brokerConformance({
    name: 'rabbitmq',
    open: () => {
      newQueue();
      return open();
    },
    restart: async (driver) => {
      await driver.close();
      return open();
    },
    another: open,
    faults: {
      crash: () => server.crash(queue),
      cut: () => proxy.cut(),
      removeTopic: () => onServer(async (client) => void (await client.queueDelete({ queue })), own()),
    },
    close: async (driver) => {
      await driver.close();
      await removeQueue(own());
    },
  });

  test('a server that does not confirm is given up in time, and what was in doubt may be sent again', async () => {
    newQueue();
    let answers = new PassThrough();
    const silent = await TcpProxy.start(
      () => server.port,
      () => {
        answers = new PassThrough();
        return { toServer: new PassThrough(), toClient: answers };
      },
    );
    const waits: { readonly ms: number; readonly end: () => void }[] = [];
    const sleep = (ms: number) => new Promise<void>((end) => void waits.push({ ms, end }));
    const clock = { ...systemClock, sleep };
    const driver = new RabbitmqDriver(
      { ...RABBITMQ_SETTINGS, queue, servers: `127.0.0.1:${silent.port}` },
      { system: 't', clock },
    );
    await driver.open();
    answers.cork();
    const message = makeMessage();
    const publishing = Promise.all([driver.publish([message]), driver.publish([makeMessage()])]);
    const other = await openDriver({ servers: own() });
    await eventually(async () => assert.equal((await other.backlog()).messages, 2, 'the server has taken them'));
    assert.deepEqual(
      waits.map(({ ms }) => ms),
      [10_000, 10_000],
    );
    waits[0]?.end();
    for (const [result] of await publishing) {
      assert.ok(result && 'error' in result && result.error.code === 'unavailable', JSON.stringify(result));
      assert.match(result.error.message, /did not confirm within 10 s/);
      assert.equal(result.error.retryAfterSeconds, 1);
    }
    const again = await other.publish([message]);
    assert.deepEqual(again, [{ position: null }]);
    const subscription = await other.subscribe();
    const signal = AbortSignal.timeout(10_000);
    const got: Delivery[] = [];
    while (got.length < 3) got.push(...(await subscription.receive({ messagesMax: 100, bytesMax: 1e6, signal })));
    assert.equal(got.filter((delivery) => delivery.message.id === message.id).length, 2, 'a store knows it by its id');
    await Promise.all([driver.close(), other.close(), silent.close()]);
    await removeQueue(own());
  });
});

describe('rabbitmq', () => {
  const refuses = (settings: Partial<RabbitmqSettings>, code: string, words: RegExp) =>
    assert.rejects(openDriver(settings), (error) => {
      assert.ok(isAzudError(error), String(error));
      assert.equal(error.code, code);
      assert.match(`${error.message} ${error.hint}`, words);
      return true;
    });

  test('says which server, as whom and what to do when it cannot be opened', async () => {
    newQueue();
    await refuses({ servers: '127.0.0.1:1' }, 'not-connected', /guest@127\.0\.0\.1:1 cannot be reached.*ECONNREFUSED/);
    const other = createServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const { port } = other.address() as AddressInfo;
    await refuses({ servers: `127.0.0.1:${port}` }, 'not-connected', /what answers there is not AMQP.*port 5672/);
    other.close();
    await refuses({ password: 'wrong' }, 'access-denied', /guest@.*refuses.*secret/);
    await refuses({ vhost: 'nowhere' }, 'access-denied', /vhost nowhere not found/);
    await refuses(
      { auto_declare: false },
      'topic-missing',
      /has no queue azud_test_.*x-queue-type: quorum.*azud topology apply/,
    );
  });

  test('refuses a queue of another kind, which could lose what it confirms', async () => {
    newQueue();
    await onServer((client) => client.queueDeclare({ queue, durable: true }));
    await refuses({}, 'unsafe-setting', /not as Azud makes it.*broker\.queue/);
    const trusting = await openDriver({ auto_declare: false });
    assert.match(trusting.capabilities.durability, /infrastructure code/);
    await trusting.close();
  });

  test('the plan names a queue that is otherwise, and does not touch it', async () => {
    newQueue();
    await onServer((client) => client.queueDeclare({ queue, durable: true }));
    const driver = new RabbitmqDriver({ ...RABBITMQ_SETTINGS, queue }, { system: 'test', clock: systemClock });
    const states = (await driver.topology.plan()).map(({ state }) => state);
    assert.deepEqual(states, ['differs', 'missing', 'missing']);
    assert.match((await driver.topology.plan())[0]?.detail ?? '', /not as Azud makes it/);
    await assert.rejects(applyTopology(driver), (error) => isAzudError(error, 'unsafe-setting'));
    await driver.close();
  });

  test('a full queue refuses', async () => {
    newQueue();
    const driver = await openDriver({ max_bytes: 20_000 });
    const codes = new Set<string>();
    for (let n = 0; n < 20; n += 1) {
      const [result] = await driver.publish([makeMessage({ textBytes: 4_000 })]);
      codes.add(result && 'error' in result ? result.error.code : 'ok');
    }
    assert.deepEqual([...codes].sort(), ['ok', 'storage-full']);
    await driver.close();
  });

  deadLetterQueueCase({
    open: () => {
      newQueue();
      return openDriver({ delivery_limit: 2 });
    },
    aside: () =>
      onServer(async (client) => {
        const channel = await client.acquire();
        const found = await channel.basicGet({ queue: `${queue}.dead`, noAck: true });
        await channel.close();
        return found?.messageId ?? null;
      }),
  });

  test('two loaders share a queue, and what one does not ack the other gets', async () => {
    newQueue();
    const drivers = [await openDriver({ prefetch: 5 }), await openDriver({ prefetch: 5 })] as const;
    const messages = Array.from({ length: 10 }, () => makeMessage());
    await drivers[0].publish(messages);
    const receive = { messagesMax: 100, bytesMax: 1e6, signal: AbortSignal.timeout(10_000) };
    const collect = async (driver: RabbitmqDriver, count: number): Promise<Delivery[]> => {
      const subscription = await driver.subscribe();
      const got: Delivery[] = [];
      while (got.length < count) got.push(...(await subscription.receive(receive)));
      return got;
    };
    const first = await collect(drivers[0], 5);
    assert.equal((await drivers[0].backlog()).messages, 10, 'ready and held');
    const second = await collect(drivers[1], 5);
    await drivers[0].close();
    const third = await openDriver();
    const again = await collect(third, 5);
    const ids = (deliveries: readonly Delivery[]) => deliveries.map(({ message }) => message.id).sort();
    assert.deepEqual(ids(again), ids(first));
    assert.deepEqual(ids([...again, ...second]), messages.map(({ id }) => id).sort());
    await Promise.all([drivers[1].close(), third.close()]);
  });
});
