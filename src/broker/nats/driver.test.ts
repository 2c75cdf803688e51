import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { jetstreamManager, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { NATS_SERVER, NATS_SETTINGS, NatsServer, ownStreams } from '../../../test/support/nats.ts';
import { TcpProxy } from '../../../test/support/tcp-proxy.ts';
import { isAzudError } from '../../error/azud-error.ts';
import { systemClock } from '../../lib/clock.ts';
import { brokerConformance } from '../conformance/conformance.ts';
import { makeMessage } from '../conformance/messages.ts';
import { NatsDriver, type NatsSettings } from './driver.ts';

const ownStream = ownStreams();
let stream = '';

function newStream(): string {
  stream = ownStream();
  return stream;
}

async function openDriver(settings: Partial<NatsSettings> = {}): Promise<NatsDriver> {
  const driver = new NatsDriver({ ...NATS_SETTINGS, stream, ...settings }, { system: 'test', clock: systemClock });
  await driver.open();
  return driver;
}

/** As infrastructure code would: past the driver. */
async function onServer<T>(
  act: (streams: Awaited<ReturnType<typeof jetstreamManager>>['streams']) => Promise<T>,
  servers = NATS_SERVER,
): Promise<T> {
  const connection = await connect({ servers });
  try {
    return await act((await jetstreamManager(connection)).streams);
  } finally {
    await connection.close();
  }
}

brokerConformance({
  name: 'nats',
  open: () => {
    newStream();
    return openDriver();
  },
  restart: async (driver) => {
    await driver.close();
    return openDriver();
  },
  another: () => openDriver(),
  close: (driver) => driver.close(),
});

describe('on a server of its own', () => {
  let server: NatsServer;
  let proxy: TcpProxy;
  before(async () => {
    server = await NatsServer.start();
    proxy = await TcpProxy.start(() => server.port);
  });
  after(async () => {
    await proxy.close();
    await server.stop();
  });

  brokerConformance({
    name: 'nats (faults)',
    open: () => {
      newStream();
      return openDriver({ servers: `127.0.0.1:${proxy.port}` });
    },
    restart: async (driver) => {
      await driver.close();
      await server.crash();
      return openDriver({ servers: `127.0.0.1:${proxy.port}` });
    },
    faults: {
      crash: () => server.crash(),
      cut: () => proxy.cut(),
      removeTopic: async () => {
        await onServer((streams) => streams.delete(stream), `127.0.0.1:${server.port}`);
      },
    },
    close: (driver) => driver.close(),
  });
});

describe('nats', () => {
  const refuses = (settings: Partial<NatsSettings>, code: string, words: RegExp) =>
    assert.rejects(openDriver(settings), (error) => {
      assert.ok(isAzudError(error), String(error));
      assert.equal(error.code, code);
      assert.match(`${error.message} ${error.hint}`, words);
      return true;
    });
  const made = (config: Partial<StreamConfig>) =>
    onServer((streams) => streams.add({ name: newStream(), subjects: [`azud.${stream}.>`], ...config }));

  test('refuses a stream that one server could lose, unless that is shown or accepted', async () => {
    newStream();
    await refuses({ allow_unsafe: false }, 'unsafe-setting', /1 replica .*sync_interval: always/);
    await refuses({ allow_unsafe: false, monitor_url: 'http://127.0.0.1:1' }, 'unsafe-setting', /does not answer/);
    const stated = await openDriver({ allow_unsafe: false, sync_always: true });
    assert.match(stated.capabilities.durability, /fsynced/);
    await stated.close();
    const accepted = await openDriver();
    assert.match(accepted.capabilities.durability, /allow_unsafe/);
    await accepted.close();
  });

  test('says what a stream lacks that infrastructure code has to make', async () => {
    newStream();
    await refuses(
      { auto_declare: false },
      'topic-missing',
      /has no stream azud_test_.*subjects azud\..*azud topology apply/,
    );
    await refuses({ replicas: 3 }, 'invalid-config', /replicas: 3.*non-clustered.*set replicas: 1/);
  });

  test('refuses a stream that would lose events silently', async () => {
    for (const [config, words] of [
      [{ storage: StorageType.Memory }, /memory/],
      [{ max_age: 60e9 }, /max_age/],
      [{ retention: RetentionPolicy.Workqueue }, /workqueue/],
      [{ max_bytes: 1_000_000 }, /discard: old/],
    ] as const) {
      await made(config);
      await refuses({ allow_unsafe: false, sync_always: true }, 'unsafe-setting', words);
    }
  });

  test('refuses a stream with the subjects of an older Azud, and says what to do, whatever is allowed', async () => {
    newStream();
    const subjects = [`azud.${stream}.*`, `azud.${stream}._.released`];
    await onServer((streams) => streams.add({ name: stream, subjects }));
    for (const allow_unsafe of [false, true]) {
      const words = /does not take the subjects azud\.\S+\.\*\.\* and .* older Azud .* set another broker\.stream/;
      await refuses({ allow_unsafe }, 'topic-missing', words);
    }
  });

  test('the plan names what differs from what Azud makes', async () => {
    await made({ max_age: 60e9 });
    const driver = new NatsDriver({ ...NATS_SETTINGS, stream, replicas: 3 }, { system: 'test', clock: systemClock });
    const [part] = await driver.topology.plan();
    assert.equal(part?.state, 'differs');
    assert.match(part?.detail ?? '', /max_age removes events.*num_replicas 1 instead of 3/);
    await driver.close();
  });

  test('says which server does not answer', async () => {
    await refuses({ servers: '127.0.0.1:1' }, 'not-connected', /nats 127\.0\.0\.1:1 cannot be reached/);
  });

  test('says as whom it was refused', async () => {
    const server = await NatsServer.start('--user', 'azud', '--pass', 'right');
    const servers = `127.0.0.1:${server.port}`;
    newStream();
    await refuses({ servers }, 'access-denied', /refuses: .*authorization violation/i);
    await refuses({ servers, user: 'azud', password: 'wrong' }, 'access-denied', /authorization violation/i);
    await (await openDriver({ servers, user: 'azud', password: 'right' })).close();
    await server.stop();
  });

  test('a full stream refuses, and takes more when the store has let go of some', async () => {
    newStream();
    const driver = await openDriver({ max_bytes: 64 * 1024 });
    const results = await driver.publish(Array.from({ length: 40 }, () => makeMessage({ textBytes: 4_000 })));
    const codes = results.map((result) => ('error' in result ? result.error.code : 'ok'));
    assert.deepEqual([...new Set(codes)].sort(), ['ok', 'storage-full']);
    const taken = codes.filter((code) => code === 'ok').length;
    const { end } = await driver.backlog([]);
    await driver.release(end);
    const [again] = await driver.publish([makeMessage()]);
    assert.ok(again && 'position' in again);
    const { accepted, messages } = await driver.backlog(end);
    assert.deepEqual([accepted?.get('flights'), messages], [taken + 1, 1], 'what was released stays counted');
    await driver.close();
  });

  test('two that load into stores of their own are each given everything', async () => {
    newStream();
    const drivers = [await openDriver(), await openDriver()];
    const messages = Array.from({ length: 20 }, () => makeMessage());
    await drivers[0]?.publish(messages);
    const everything = async (driver: NatsDriver, group: string | null) => {
      const subscription = await driver.subscribe([], group);
      const ids = new Set<string>();
      const signal = AbortSignal.timeout(10_000);
      while (ids.size < 20 && !signal.aborted) {
        for (const { message } of await subscription.receive({ messagesMax: 100, bytesMax: 1e6, signal })) {
          ids.add(message.id);
        }
      }
      return ids.size;
    };
    for (const groups of [
      [null, null],
      ['one', 'other'],
    ] as const) {
      const read = await Promise.all(drivers.map((driver, at) => everything(driver, groups[at] ?? null)));
      assert.deepEqual(read, [20, 20]);
    }
    await Promise.all(drivers.map((driver) => driver.close()));
  });

  test('a batch published twice lies in the stream once', async () => {
    newStream();
    const driver = await openDriver();
    const message = makeMessage();
    const [first] = await driver.publish([message]);
    assert.deepEqual((await driver.publish([message]))[0], first);
    assert.equal((await driver.backlog([])).messages, 1);
    await driver.close();
  });
});
