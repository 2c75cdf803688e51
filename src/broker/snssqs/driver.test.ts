import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { FAUXQS_ACCESS, Fauxqs } from '../../../test/support/fauxqs.ts';
import { TcpProxy } from '../../../test/support/tcp-proxy.ts';
import { isAzudError } from '../../error/azud-error.ts';
import { uuidV7 } from '../../event/ids.ts';
import { systemClock } from '../../lib/clock.ts';
import { brokerConformance } from '../conformance/conformance.ts';
import { deadLetterQueueCase } from '../conformance/dead-letter-queue.ts';
import { makeMessage } from '../conformance/messages.ts';
import type { Delivery } from '../driver.ts';
import { Aws } from './aws.ts';
import { SnssqsDriver, type SnssqsSettings } from './driver.ts';
import { exists, remove } from './topology.ts';

let server: Fauxqs;
let proxy: TcpProxy;
let name = '';

before(async () => {
  server = await Fauxqs.start();
  proxy = await TcpProxy.start(() => server.port);
});
after(async () => {
  await proxy.close();
  await server.stop();
});

function settings(more: Partial<SnssqsSettings> = {}): SnssqsSettings {
  return {
    ...FAUXQS_ACCESS,
    session_token: null,
    endpoint: `http://127.0.0.1:${proxy.port}`,
    topic_endpoint: null,
    queue: name,
    topic: null,
    wait_seconds: 1,
    visibility_seconds: 2,
    prefetch: 1_000,
    delivery_limit: 1_000,
    message_group: 'batch',
    auto_declare: true,
    ...more,
  };
}

function newName(suffix = ''): string {
  name = `azud_test_${uuidV7(systemClock.now())}${suffix}`;
  return name;
}

async function openDriver(more: Partial<SnssqsSettings> = {}): Promise<SnssqsDriver> {
  const driver = new SnssqsDriver(settings(more), { system: 'test', clock: systemClock });
  await driver.open();
  return driver;
}

/** As infrastructure code would: past the driver. */
async function onServer<T>(act: (aws: Aws) => Promise<T>): Promise<T> {
  const aws = new Aws(settings({ endpoint: server.endpoint }));
  await aws.open();
  try {
    return await act(aws);
  } finally {
    aws.close();
  }
}

const removeAll = (more: Partial<SnssqsSettings>) => onServer((aws) => remove(aws, { ...settings(more), queue: name }));

for (const [kind, suffix, withTopic] of [
  ['queue', '', false],
  ['topic before a queue', '', true],
  ['FIFO topic before a FIFO queue', '.fifo', true],
] as const) {
  const topic = () => ({ topic: withTopic ? name : null });
  describe(`snssqs with a ${kind}, behind a proxy`, () => {
    brokerConformance({
      name: `snssqs (${kind})`,
      open: () => {
        newName(suffix);
        return openDriver(topic());
      },
      restart: async (driver) => {
        await driver.close();
        return openDriver(topic());
      },
      another: () => openDriver(topic()),
      faults: {
        crash: () => server.crash(),
        cut: () => proxy.cut(),
        removeTopic: () => removeAll(topic()),
      },
      close: async (driver) => {
        await driver.close();
        await removeAll(topic());
      },
    });
  });
}

describe('snssqs', () => {
  const refuses = (more: Partial<SnssqsSettings>, code: string, words: RegExp) =>
    assert.rejects(openDriver(more), (error) => {
      assert.ok(isAzudError(error), String(error));
      assert.equal(error.code, code, error.message);
      assert.match(`${error.message} ${error.hint}`, words);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  const receive = (messagesMax = 100) => ({ messagesMax, bytesMax: 1e6, signal: AbortSignal.timeout(10_000) });
  const collect = async (driver: SnssqsDriver, count: number): Promise<Delivery[]> => {
    const subscription = await driver.subscribe();
    const got: Delivery[] = [];
    while (got.length < count) got.push(...(await subscription.receive(receive())));
    return got;
  };
  const ids = (deliveries: readonly Delivery[]) => deliveries.map(({ message }) => message.id).sort();

  test('says which server does not answer', async () => {
    newName();
    await refuses(
      { endpoint: 'http://127.0.0.1:1' },
      'not-connected',
      /queue azud_test_.*127\.0\.0\.1:1 cannot be reached/,
    );
  });

  test('says what its configuration lacks', async () => {
    newName();
    await refuses({ secret_access_key: null }, 'invalid-config', /access_key_id and broker\.secret_access_key/);
    await refuses({ topic: 'events.fifo' }, 'invalid-config', /events\.fifo and .* end in \.fifo both or not at all/);
  });

  test('says as whom it was refused, where AWS does not know the key', async () => {
    const words = 'The security token included in the request is invalid.';
    const stub = createServer((_request, response) => {
      response.writeHead(403, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(JSON.stringify({ __type: 'com.amazon.coral.service#UnrecognizedClientException', message: words }));
    }).listen(0, '127.0.0.1');
    await once(stub, 'listening');
    const { port } = stub.address() as { port: number };
    newName();
    await refuses({ endpoint: `http://127.0.0.1:${port}` }, 'access-denied', /refuses: .*token.* is invalid.*secret/);
    stub.close();
  });

  test('two loaders share a queue, and what one does not ack the other gets at once', async () => {
    newName();
    const drivers = [await openDriver({ prefetch: 5 }), await openDriver({ prefetch: 5 })] as const;
    const messages = Array.from({ length: 10 }, () => makeMessage());
    await drivers[0].publish(messages);
    const first = await collect(drivers[0], 5);
    assert.equal((await drivers[0].backlog()).messages, 10, 'waiting and held');
    const second = await collect(drivers[1], 5);
    await drivers[0].close();
    const third = await openDriver({ visibility_seconds: 43_200 });
    const again = await collect(third, 5);
    assert.deepEqual(ids(again), ids(first));
    assert.deepEqual(ids([...again, ...second]), messages.map(({ id }) => id).sort());
    await Promise.all([drivers[1].close(), third.close()]);
    await removeAll({});
  });

  deadLetterQueueCase({
    open: () => {
      newName();
      return openDriver({ delivery_limit: 2 });
    },
    async aside() {
      const dead = await openDriver({ queue: `${name}_dead` });
      const subscription = await dead.subscribe();
      const [found] = await subscription.receive({ ...receive(), signal: AbortSignal.timeout(500) });
      await dead.close();
      return found?.message.id ?? null;
    },
  });

  test('a FIFO queue takes a batch that is published twice once, and keeps the order of a dataset when it is asked to', async () => {
    newName('.fifo');
    const driver = await openDriver({ message_group: 'dataset' });
    const messages = Array.from({ length: 25 }, () => makeMessage());
    await Promise.all(messages.map((message) => driver.publish([message])));
    await driver.publish(messages);
    assert.equal((await driver.backlog()).messages, 25);
    const subscription = await driver.subscribe();
    const order: string[] = [];
    while (order.length < 25) {
      const deliveries = await subscription.receive(receive());
      order.push(...deliveries.map(({ message }) => message.id));
      await subscription.ack(deliveries);
    }
    assert.deepEqual(
      order,
      messages.map(({ id }) => id),
    );
    await driver.close();
    await removeAll({});
  });

  test('stops at a message that somebody else sent', async () => {
    newName();
    const driver = await openDriver();
    const { found } = await onServer((aws) => exists(aws, { ...settings(), queue: name }));
    const command = new SendMessageCommand({ QueueUrl: found?.queueUrl ?? '', MessageBody: 'hello' });
    await onServer((aws) => aws.call(({ sqs }, options) => sqs.send(command, options), { about: name }));
    const subscription = await driver.subscribe();
    await assert.rejects(subscription.receive(receive()), (error) => isAzudError(error, 'log-damaged'));
    await driver.close();
    await removeAll({});
  });

  test('tells how large a message may be and how long it is kept: by SNS less than by SQS, by a smaller queue less than by both', async () => {
    newName();
    const topic = name;
    const sizes = [];
    for (const more of [{}, { topic }]) {
      const driver = await openDriver(more);
      sizes.push(driver.capabilities.messageBytesMax);
      assert.match(driver.capabilities.durability, /confirmed by the server at .* at most 14 days/);
      await driver.close();
    }
    // Three quarters of what the service takes, less what the attributes take.
    assert.deepEqual(sizes, [786_048, 196_224]);
    const aws = new SnssqsDriver(settings({ endpoint: null, topic }), { system: 'test', clock: systemClock });
    assert.match(aws.capabilities.durability, /kept on several servers by Amazon SNS, which delivers to the SQS queue/);
    await removeAll({ topic });
  });
});
