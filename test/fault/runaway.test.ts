import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Client, clientOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { balanceOf, postOrders } from '../support/load.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { type System, startSystem } from '../support/system.ts';

/** Endpoints whose SQL would run for ever, each in its own way: the caller is told at the limit, and nobody else suffers. */
const LIMIT_MS = 1_500;
/** Beside the grace of 2 s that the contract names: what two busy cores add to the way of an answer. */
const SLACK_MS = 2_500;

const timeout = `${LIMIT_MS}ms`;
const RUNAWAYS: Readonly<Record<string, string>> = {
  cross_join: 'SELECT count(*) AS n FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3',
  recursion: 'WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) AS n FROM t',
  // This one heeds no interrupt.
  distance:
    "SELECT max(levenshtein(repeat('a', (60000 + n)::BIGINT), repeat('b', 60000))) AS n FROM orders WHERE n = 1",
};

const UNSTOPPABLE: ReadonlySet<string> = new Set(['distance']);

let system: System;
let client: Client;

before(async () => {
  const endpoints = Object.fromEntries(Object.entries(RUNAWAYS).map(([name, sql]) => [name, { sql, timeout }]));
  system = await startSystem({
    config: {
      ...ORDERS_CONFIG,
      endpoints: {
        ...ORDERS_CONFIG.endpoints,
        ...endpoints,
        hungry: { sql: 'SELECT list(range) AS l FROM range(500000000)' },
        sorted: { sql: 'SELECT md5(range::VARCHAR) AS m FROM range(20000000) ORDER BY 1 OFFSET 19999999' },
      },
      store: { kind: 'duckdb', memory_limit: '128MB', max_temp_directory_size: '16MB' },
    },
  });
  client = clientOf(system.url);
  assert.equal((await client.post('/v1/events/orders?wait=stored', { n: 1 })).status, 200);
});
after(() => system.stop());

for (const name of Object.keys(RUNAWAYS)) {
  test(`the endpoint ${name} is answered 504 at its limit, and the reads after it are served`, async () => {
    const posts = postOrders(client, 2);
    const pid = await analyticsPid(system);
    const begun = performance.now();
    const answer = await client.get(`/v1/endpoints/${name}`);
    const took = performance.now() - begun;
    assert.deepEqual([answer.status, answer.json.code], [504, 'query-timeout'], answer.text);
    assert.ok(took < LIMIT_MS + 2_000 + SLACK_MS, `${took} ms`);
    if (UNSTOPPABLE.has(name)) await eventually(async () => assert.notEqual(await analyticsPid(system), pid));
    else assert.equal(await analyticsPid(system), pid, 'what can be interrupted costs nobody a restart');
    await eventually(async () => assert.equal((await client.get('/v1/datasets/orders/rows?limit=1')).status, 200));
    await posts.stop();
    assert.deepEqual([...posts.statuses.keys()], [202], 'intake has not noticed');
  });
}

async function analyticsPid(azud: System): Promise<number> {
  const found = (await azud.children()).find(({ role }) => role === 'analytics');
  return found?.pid ?? assert.fail('analytics is not running');
}

test('what needs more memory or disk than it may is refused, and the process lives', async () => {
  const pid = await analyticsPid(system);
  for (const name of ['hungry', 'sorted']) {
    const answer = await client.get(`/v1/endpoints/${name}`);
    assert.deepEqual([answer.status, answer.json.code], [503, 'query-memory'], answer.text);
    assert.ok(answer.headers.get('retry-after'));
  }
  assert.equal((await client.get('/v1/datasets/orders/rows?limit=1')).status, 200);
  assert.equal(await analyticsPid(system), pid);
});

test('20 heavy queries of one token at once: some have a place, the rest are told to come again', async () => {
  const all = await Promise.all(Array.from({ length: 20 }, () => client.get('/v1/endpoints/recursion')));
  const statuses = new Set(all.map(({ status }) => status));
  assert.ok(statuses.has(504) && statuses.isSubsetOf(new Set([504, 429])), [...statuses].join());
  for (const { status, headers } of all) assert.equal(headers.get('retry-after') !== null, status === 429);
});

test('after all of it every accepted order is stored, once', async () => {
  await eventually(async () => {
    const { accepted, stored, dead, balanced } = await balanceOf(client, 'orders');
    assert.deepEqual([stored, dead, balanced], [accepted, 0, true]);
  });
});

test('an endpoint that the engine works out while it plans keeps no start waiting', async () => {
  const sql = "SELECT levenshtein(repeat('a', 60000), repeat('b', 60000)) AS n";
  const other = await startSystem({ config: { ...ORDERS_CONFIG, endpoints: { constant: { sql, timeout } } } });
  try {
    const pid = await analyticsPid(other);
    assert.equal((await clientOf(other.url).get('/v1/endpoints/constant')).status, 504);
    await eventually(async () => assert.notEqual(await analyticsPid(other), pid));
    await eventually(async () => assert.equal((await other.get('/readyz')).status, 200));
  } finally {
    await other.stop();
  }
});
