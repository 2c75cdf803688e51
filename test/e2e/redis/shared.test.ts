import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { before, describe, test } from 'node:test';
import { atEnd } from '../../support/at-end.ts';
import { type Client, clientOf } from '../../support/client.ts';
import { eventually } from '../../support/eventually.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { freshPostgres } from '../../support/postgres.ts';
import { freshRabbitmq } from '../../support/rabbitmq.ts';
import { RedisServer } from '../../support/redis.ts';
import { type System, type SystemOptions, startSystem } from '../../support/system.ts';

/** Intake, loader and two query processes, apart from each other but for broker, store and cache. */

const KEPT = '/v1/endpoints/kept';
const SQL = 'SELECT count(*) AS orders FROM orders';

let redis: RedisServer;
let config: Exclude<SystemOptions['config'], string>;
const store = freshPostgres();
const broker = freshRabbitmq();
const systems: System[] = [];

before(async () => {
  redis = await RedisServer.start();
  config = {
    ...ORDERS_CONFIG,
    endpoints: { kept: { sql: SQL, cache: '10m' }, fresh: { sql: SQL } },
    broker,
    store,
    cache: { kind: 'redis', url: redis.url },
  };
});
atEnd(() => redis?.down());
atEnd(() => Promise.all(systems.map((system) => system.stop())));

async function play(role: string): Promise<Client> {
  const system = await startSystem({ config, roles: [role] });
  systems.push(system);
  return clientOf(system.url);
}

async function lookups(client: Client, result: string): Promise<number> {
  const { text } = await client.get('/metrics');
  return Number(new RegExp(`azud_cache_lookups_total{kind="redis",result="${result}"} (\\d+)`).exec(text)?.[1] ?? 0);
}

const countOf = async (client: Client): Promise<number> => (await client.get(KEPT)).json.data[0].orders;

describe('processes that share a Redis', { timeout: 240_000 }, () => {
  let intake: Client;
  let readers: [Client, Client];

  test('tell of a transaction that waits in the broker, from any of them, and count it when it is stored', async () => {
    intake = await play('intake');
    readers = [await play('query'), await play('query')];
    const { json } = await intake.post('/v1/events/orders', [{ n: 1 }, { n: 2 }]);
    for (const reader of readers) {
      await eventually(async () => {
        const receipt = await reader.get(`/v1/transactions/${json.transaction_id}`);
        assert.equal(receipt.status, 200, receipt.text);
        assert.equal(receipt.json.state, 'queued');
        assert.deepEqual(receipt.json.counts, { accepted: 2, stored: 0, duplicate: 0, dead: 0, queued: 2 });
      });
      assert.equal((await reader.get('/v1/transactions/019a0000-0000-7000-8000-000000000000')).status, 404);
    }
    await play('loader');
    for (const reader of readers) {
      await eventually(async () => {
        const receipt = await reader.get(`/v1/transactions/${json.transaction_id}`);
        assert.deepEqual(receipt.json.counts, { accepted: 2, stored: 2, duplicate: 0, dead: 0, queued: 0 });
      });
    }
  });

  test('give an answer that another made, with the same ETag, and none of them after a loader has stored', async () => {
    const [first, second] = readers;
    await eventually(async () => assert.equal(await countOf(first), 2));
    const made = await first.get(KEPT);
    const misses = await lookups(second, 'miss');
    const shared = await second.get(KEPT);
    assert.deepEqual([shared.text, shared.headers.get('etag')], [made.text, made.headers.get('etag')]);
    assert.deepEqual([await lookups(second, 'miss'), await lookups(second, 'hit')], [misses, 1]);
    const condition = { 'if-none-match': made.headers.get('etag') ?? '' };
    assert.equal((await second.get(KEPT, condition)).status, 304);
    for (let n = 3; n < 8; n += 1) {
      await intake.post('/v1/events/orders', { n });
      // One after the other: what the first keeps is good for the second.
      for (const reader of readers) await eventually(async () => assert.equal(await countOf(reader), n));
    }
    assert.equal((await second.get(KEPT, condition)).status, 200);
    assert.ok((await lookups(second, 'hit')) > 1);
  });

  test('lose only speed when it dies or hangs: answers are right, and events are taken in', async () => {
    for (const [harm, mend] of [
      [() => redis.down(), () => redis.up()],
      [async () => redis.pause(), async () => redis.resume()],
    ] as const) {
      const n = await countOf(readers[0]);
      await harm();
      const answer = await intake.post('/v1/events/orders', { n });
      assert.equal(answer.status, 202);
      for (const reader of readers) await eventually(async () => assert.equal(await countOf(reader), n + 1));
      const kept = await readers[0].get(KEPT);
      assert.match(kept.headers.get('etag') ?? '', /^"/);
      assert.equal((await readers[0].get('/readyz')).status, 200);
      await mend();
      await eventually(async () => {
        const hits = await lookups(readers[1], 'hit');
        assert.equal(await countOf(readers[0]), n + 1);
        assert.equal(await countOf(readers[1]), n + 1);
        assert.equal(await lookups(readers[1], 'hit'), hits + 1);
      });
    }
  });

  test('start without it, say so in the log, and azud check tells why in a line of its own', async () => {
    await redis.down();
    const reader = await play('query');
    assert.ok((await countOf(reader)) > 0);
    const system = systems.at(-1);
    assert.match(system?.logs ?? '', /"cache":"redis".*ECONNREFUSED.*the cache fails; answers are made without it/);
    const main = new URL('../../../src/main.ts', import.meta.url).pathname;
    const checked = spawnSync(process.execPath, [main, 'check', '--connect', '--data-dir', `${system?.folder}/check`], {
      cwd: system?.folder,
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.match(checked.stdout, /^ok +broker rabbitmq +open/m);
    assert.match(checked.stdout, /^ok +store postgres +open/m);
    assert.match(
      checked.stdout,
      /cache redis\s+redis 127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED.* Check the address/,
    );
    assert.equal(checked.status, 69);
    await redis.up();
    await eventually(async () => {
      const hits = await lookups(reader, 'hit');
      await countOf(reader);
      await countOf(reader);
      assert.ok((await lookups(reader, 'hit')) > hits);
    });
  });
});
