import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Client, clientOf } from '../support/client.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { type System, startSystem } from '../support/system.ts';

/** A cached endpoint through both processes: what the front door forwards keeps its ETag and its Cache-Control. */

const SQL = 'SELECT count(*) AS orders FROM orders WHERE customer = $customer';
const params = { customer: { type: 'string', required: true } };
const KEPT = '/v1/endpoints/kept?customer=a';
const FRESH = '/v1/endpoints/fresh?customer=a';

let system: System;
let client: Client;

before(async () => {
  const endpoints = { kept: { params, sql: SQL, cache: '60s' }, fresh: { params, sql: SQL } };
  system = await startSystem({ config: { ...ORDERS_CONFIG, endpoints } });
  client = clientOf(system.url);
});
after(() => system.stop());

async function store(customer: string): Promise<void> {
  const answer = await client.post('/v1/events/orders?wait=stored', { n: 1, customer });
  assert.equal(answer.json.state, 'stored');
}

test('an answer that is kept says for how long, and is not sent again to whoever has it', async () => {
  await store('a');
  const first = await client.get(KEPT);
  assert.deepEqual([first.status, first.json], [200, { data: [{ orders: 1 }] }]);
  assert.equal(first.headers.get('cache-control'), 'private, max-age=60');
  const etag = first.headers.get('etag') ?? '';
  assert.match(etag, /^"[\w-]{20,}"$/);
  for (const condition of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const again = await client.get(KEPT, { 'if-none-match': condition });
    assert.deepEqual([again.status, again.text, again.headers.get('etag')], [304, '', etag], condition);
    assert.equal(again.headers.get('cache-control'), 'private, max-age=60');
  }
  const other = await client.get(KEPT, { 'if-none-match': '"other"' });
  assert.deepEqual([other.status, other.text], [200, first.text]);
});

test('what is kept is told apart by parameters and by format', async () => {
  await store('b');
  const { headers } = await client.get(KEPT);
  const condition = { 'if-none-match': headers.get('etag') ?? '' };
  assert.equal((await client.get('/v1/endpoints/kept?customer=nobody', condition)).status, 200);
  assert.equal((await client.get(`${KEPT}&format=csv`, condition)).status, 200);
});

test('within its time a kept answer stays as it is until something is stored into its dataset', async () => {
  const kept = (await client.get(KEPT)).json.data[0].orders;
  const parcel = await client.post('/v1/events/parcels?wait=stored', { id: 'p' });
  assert.equal(parcel.json.state, 'stored');
  const hits = await lookups('hit');
  assert.equal((await client.get(KEPT)).json.data[0].orders, kept);
  assert.equal(await lookups('hit'), hits + 1, 'another dataset changes nothing');
  await store('a');
  assert.equal((await client.get(KEPT)).json.data[0].orders, kept + 1);
  assert.equal(await lookups('hit'), hits + 1);
  const fresh = await client.get(FRESH);
  assert.equal(fresh.json.data[0].orders, kept + 1);
  assert.equal(fresh.headers.get('cache-control'), 'private, no-cache');
});

async function lookups(result: string): Promise<number> {
  const { text } = await client.get('/metrics');
  return Number(new RegExp(`azud_cache_lookups_total{kind="memory",result="${result}"} (\\d+)`).exec(text)?.[1] ?? 0);
}
