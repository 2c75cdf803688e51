import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, describe, type TestContext, test } from 'node:test';
import { cacheOver, counted } from '../../../test/support/cache.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { hastyClock } from '../../../test/support/log.ts';
import { freshPrefix, onRedis, REDIS_URL, RedisServer } from '../../../test/support/redis.ts';
import { TcpProxy } from '../../../test/support/tcp-proxy.ts';
import { type AzudError, isAzudError } from '../../error/azud-error.ts';
import { systemClock } from '../../lib/clock.ts';
import { CACHE_LIMITS } from '../../limits.ts';
import { Metrics } from '../../telemetry/metrics.ts';
import { cacheConformance } from '../conformance/conformance.ts';
import { resultsCases } from '../conformance/results.ts';
import { Results } from '../results.ts';
import { RedisDriver, type RedisSettings } from './driver.ts';

const root = freshPrefix();
const SETTINGS: RedisSettings = { url: REDIS_URL, password: null, ca: null, prefix: root };

async function openDriver(settings: Partial<RedisSettings> = {}): Promise<RedisDriver> {
  const driver = new RedisDriver({ ...SETTINGS, ...settings }, { system: 'test', clock: systemClock });
  await driver.open().catch(async (error) => {
    await driver.close();
    throw error;
  });
  return driver;
}

describe('redis behind a proxy', () => {
  let proxy: TcpProxy;
  let prefix = '';
  before(async () => {
    proxy = await TcpProxy.start(() => Number(new URL(REDIS_URL).port));
  });
  after(() => proxy.close());

  cacheConformance({
    name: 'redis',
    open: () => {
      prefix = `${root}${randomUUID()}:`;
      return openDriver({ url: `redis://127.0.0.1:${proxy.port}`, prefix });
    },
    beside: () => openDriver({ prefix }),
    cut: () => proxy.cut(),
    close: (driver) => driver.close(),
  });
});

describe('redis', () => {
  const refused = async (settings: Partial<RedisSettings>): Promise<AzudError> => {
    const error = await openDriver(settings).then(
      () => assert.fail('it opened'),
      (thrown: unknown) => thrown,
    );
    assert.ok(isAzudError(error), String(error));
    return error;
  };

  test('says which server, as whom and what is wrong when it cannot be opened, and never the password', async (t) => {
    const guarded = await RedisServer.start('--requirepass', 'a-long-secret');
    t.after(() => guarded.down());
    const { port } = guarded;
    const away = await refused({ url: 'redis://127.0.0.1:1' });
    assert.equal(away.code, 'not-connected');
    assert.match(away.message, /^redis 127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/);
    const wrong = await refused({ url: `redis://:wrong-secret@127.0.0.1:${port}` });
    assert.equal(wrong.code, 'access-denied');
    assert.match(wrong.message, /^redis 127\.0\.0\.1:\d+ refuses: WRONGPASS/);
    assert.equal((await refused({ url: `redis://127.0.0.1:${port}` })).code, 'access-denied');
    const stranger = await refused({ url: `redis://ana@127.0.0.1:${port}`, password: 'wrong-secret' });
    assert.match(stranger.message, /^redis ana@127\.0\.0\.1:\d+ refuses/);
    for (const { message } of [away, wrong, stranger]) assert.doesNotMatch(message, /secret/);
    for (const url of [`redis://:a-long-secret@127.0.0.1:${port}/2`, `redis://default@127.0.0.1:${port}`]) {
      await (await openDriver({ url, password: 'a-long-secret' })).close();
    }
  });

  for (const url of ['127.0.0.1:6379', 'http://127.0.0.1', 'redis://', 'redis://127.0.0.1/name']) {
    test(`refuses the address ${url} without showing it`, () => {
      assert.throws(
        () => new RedisDriver({ ...SETTINGS, url }, { system: 'test', clock: systemClock }),
        (error) => isAzudError(error, 'invalid-config') && /cache\.url must be redis:/.test(error.message),
      );
    });
  }

  test('every key has a time to live and stands under the prefix, by default the name of the system', async (t) => {
    const server = await RedisServer.start();
    t.after(() => server.down());
    const driver = new RedisDriver(
      { ...SETTINGS, url: server.url, prefix: null },
      { system: 'flights-scl', clock: systemClock },
    );
    await driver.open();
    const entry = { bytes: Buffer.from('1'), ttlMs: 60_000 };
    await driver.set([{ key: 'a', ...entry }]);
    await driver.add([{ key: 'b', ...entry }]);
    await driver.close();
    await onRedis(server.url, async (ask) => {
      const keys = (await ask('KEYS', '*')) as string[];
      assert.deepEqual(keys.sort(), ['azud:flights-scl:a', 'azud:flights-scl:b']);
      for (const key of keys) assert.ok(Number(await ask('PTTL', key)) > 0, key);
    });
  });

  test('a server that is full says so, and goes on giving what it has', async (t) => {
    const server = await RedisServer.start();
    t.after(() => server.down());
    const driver = await openDriver({ url: server.url });
    t.after(() => driver.close());
    const entry = { key: 'a', bytes: Buffer.from('1'), ttlMs: 60_000 };
    await driver.set([entry]);
    await onRedis(server.url, (ask) => ask('CONFIG', 'SET', 'maxmemory', '1'));
    await assert.rejects(
      driver.set([entry]),
      (error) => isAzudError(error, 'unavailable') && /OOM/.test(error.message),
    );
    assert.equal(String(await driver.get(['a'])), '1');
  });
});

resultsCases('redis', async () => {
  const prefix = `${root}${randomUUID()}:`;
  const open = async () => cacheOver(new RedisDriver({ ...SETTINGS, prefix }, { system: 'test', clock: systemClock }));
  return { first: await open(), second: await open() };
});

describe('processes that share a redis', () => {
  const piecesOf = (text: string) =>
    (async function* () {
      yield Buffer.from(text);
    })();

  async function processes(t: TestContext, count: number, clock = systemClock): Promise<Results[]> {
    const prefix = `${root}${randomUUID()}:`;
    const caches = await Promise.all(
      Array.from({ length: count }, () =>
        cacheOver(new RedisDriver({ ...SETTINGS, prefix }, { system: 'test', clock: systemClock })),
      ),
    );
    t.after(() => Promise.all(caches.map((cache) => cache.close())));
    return caches.map((cache) => new Results({ cache, metrics: new Metrics(), clock }));
  }

  const ORDERS = { key: 'orders', datasets: ['orders'], ttlMs: 60_000 };

  test('make a result once for all of them', async (t) => {
    const all = await processes(t, 4);
    await all[0]?.changed(['orders']);
    let made = 0;
    const make = async () => {
      made += 1;
      return piecesOf('once');
    };
    const answers = await Promise.all(all.map((results) => results.get({ ...ORDERS, make })));
    for (const answer of answers) assert.equal('bytes' in answer && String(answer.bytes), 'once');
    assert.equal(made, 1);
  });

  test('do not wait for one that failed', async (t) => {
    let pausedMs = 0;
    const sleep = (ms: number, signal?: AbortSignal) => {
      pausedMs += ms;
      return hastyClock.sleep(ms, signal);
    };
    const [first, second] = (await processes(t, 2, { ...systemClock, sleep })) as [Results, Results];
    const failing = Promise.withResolvers<AsyncIterable<Buffer>>();
    const making = Promise.withResolvers<void>();
    const make = () => {
      making.resolve();
      return failing.promise;
    };
    const failed = assert.rejects(first.get({ ...ORDERS, make }), /no/);
    await making.promise;
    const answer = second.get({ ...ORDERS, make: async () => piecesOf('made here') });
    failing.reject(new Error('no'));
    await failed;
    const result = await answer;
    assert.equal('bytes' in result && String(result.bytes), 'made here');
    assert.ok(pausedMs < CACHE_LIMITS.flightMs, 'the lock went with the failure');
  });
});

describe('a redis that goes away', () => {
  const A = { key: 'a', bytes: Buffer.from('1'), ttlMs: 60_000 };

  for (const [how, harm, mend] of [
    ['is killed', (server: RedisServer) => server.down(), (server: RedisServer) => server.up()],
    ['hangs', async (server: RedisServer) => server.pause(), async (server: RedisServer) => server.resume()],
  ] as const) {
    test(`costs nothing but speed when it ${how}, and is used again when it is back`, {
      timeout: 60_000,
    }, async (t) => {
      const server = await RedisServer.start();
      t.after(() => server.down());
      const driver = new RedisDriver({ ...SETTINGS, url: server.url }, { system: 'test', clock: systemClock });
      const metrics = new Metrics();
      const cache = await cacheOver(driver, { metrics, timeoutMs: 150 });
      t.after(() => cache.close());
      assert.equal(await cache.set([A]), true);
      await harm(server);
      await eventually(async () => assert.equal(await cache.get(['a']), null));
      for (let n = 0; n < 1_000; n += 1) assert.equal(await cache.set([A]), false);
      const errors = await counted(metrics, 'azud_cache_errors_total', { kind: 'redis', operation: 'set' });
      assert.ok(errors < 10, `${errors} of 1,000 calls asked a cache that was known to be away`);
      assert.ok(cache.fault);
      await mend(server);
      await eventually(async () => assert.equal(await cache.set([A]), true));
      assert.equal(String(await cache.get(['a'])), '1');
    });
  }

  test('is not trusted on a connection that swallows everything', { timeout: 60_000 }, async (t) => {
    const hole = createServer().listen(0, '127.0.0.1');
    await once(hole, 'listening');
    const { port } = hole.address() as AddressInfo;
    let target = Number(new URL(REDIS_URL).port);
    const proxy = await TcpProxy.start(() => target);
    t.after(async () => {
      await proxy.close();
      hole.close();
    });
    const driver = new RedisDriver(
      { ...SETTINGS, url: `redis://127.0.0.1:${proxy.port}` },
      { system: 'test', clock: systemClock },
    );
    const cache = await cacheOver(driver, { timeoutMs: 150 });
    t.after(() => cache.close());
    assert.equal(await cache.set([A]), true);
    target = port;
    const swallowed = once(hole, 'connection');
    proxy.cut();
    await swallowed;
    target = Number(new URL(REDIS_URL).port);
    // Nobody closes that connection: only the driver's own time limit ends it.
    assert.equal(await cache.get(['a']), null);
    await eventually(async () => assert.equal(String(await cache.get(['a'])), '1'), { timeoutMs: 30_000 });
  });
});
