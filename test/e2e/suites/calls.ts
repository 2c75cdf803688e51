import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { atEnd } from '../../support/at-end.ts';
import { type Client, clientOf, NDJSON, ndjson } from '../../support/client.ts';
import { eventually } from '../../support/eventually.ts';
import { type System, type SystemOptions, startSystem } from '../../support/system.ts';

/** The system of a suite, once it runs. */
export interface Running {
  readonly system: System;
  readonly client: Client;
}

/** Starts a system before the tests of the file and stops it after them. */
export function runningSystem(config: SystemOptions['config']): () => Running {
  let running: Running | null = null;
  before(async () => {
    const system = await startSystem({ config });
    running = { system, client: clientOf(system.url) };
  });
  atEnd(() => running?.system.stop());
  return () => running ?? assert.fail('the system does not run');
}

async function balancedOrders(client: Client, accepted: number): Promise<void> {
  await eventually(async () => {
    const { json } = await client.get('/v1/conservation');
    const orders = json.datasets.find((each: { dataset: string }) => each.dataset === 'orders');
    assert.equal(json.balanced, true);
    assert.deepEqual(orders, {
      dataset: 'orders',
      accepted,
      stored: accepted,
      duplicate: 0,
      dead: 0,
      in_flight: 0,
      balanced: true,
    });
  });
}

/** What callers do every day, with the datasets of `ORDERS_CONFIG`: the same answers from every store and broker. */
export function callCases(config: SystemOptions['config']): void {
  const running = runningSystem(config);
  storingCases(running);
  readingCases(running);
}

function storingCases(running: () => Running): void {
  test('1,000 calls one after the other and 100 at once are all accepted, stored and balanced', async () => {
    const { client } = running();
    for (let n = 0; n < 1_000; n += 1) {
      const answer = await client.post('/v1/events/orders', { n });
      assert.equal(answer.status, 202, answer.text);
    }
    const parallel = await Promise.all(
      Array.from({ length: 100 }, (_, n) => client.post('/v1/events/orders', { n: 1_000 + n })),
    );
    assert.ok(parallel.every(({ status }) => status === 202));
    assert.equal(new Set(parallel.map(({ json }) => json.transaction_id)).size, 100);
    await balancedOrders(client, 1_100);
    const pages = new Set<number>();
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { json } = await client.get(`/v1/datasets/orders/rows?limit=400${cursor ? `&cursor=${cursor}` : ''}`);
      for (const row of json.data) pages.add(row.n);
      cursor = json.next;
    }
    assert.equal(pages.size, 1_100);
  });

  test('every acknowledged event is queryable, by its row, its transaction and an endpoint', async () => {
    const { client } = running();
    const placedAt = '2026-03-01T10:00:00+03:00';
    const event = { n: 7, customer: 'Åsa', amount: 12.5, paid: true, placed_at: placedAt, details: { a: [1, null] } };
    const { json } = await client.post('/v1/events/orders?wait=stored&timeout=10s', event);
    assert.equal(json.state, 'stored');
    const receipt = (await client.get(`/v1/transactions/${json.transaction_id}`)).json;
    assert.equal(receipt.state, 'stored');
    assert.deepEqual(receipt.counts, { accepted: 1, stored: 1, duplicate: 0, dead: 0, queued: 0 });
    const found = (await client.get(`/v1/datasets/orders/rows?customer=eq.${encodeURIComponent('Åsa')}`)).json.data;
    assert.equal(found.length, 1);
    const [row] = found;
    assert.deepEqual(
      { ...row, _event_id: 'id', _received_at: 'time' },
      {
        ...event,
        placed_at: '2026-03-01T07:00:00.000Z',
        _event_id: 'id',
        _transaction_id: json.transaction_id,
        _received_at: 'time',
        _extra: null,
      },
    );
    assert.deepEqual((await client.get(`/v1/datasets/orders/rows/${row._event_id}`)).json, row);
    const endpoint = await client.get(`/v1/endpoints/orders_by_customer?customer=${encodeURIComponent('Åsa')}`);
    assert.deepEqual(endpoint.json.data, [{ customer: 'Åsa', orders: 1, amount: 12.5 }]);
  });
}

function readingCases(running: () => Running): void {
  test('the latest event of a key wins in an upsert dataset', async () => {
    const { client } = running();
    await client.post(
      '/v1/events/customers',
      ndjson([
        { id: 'a', visits: 1 },
        { id: 'b', visits: 1 },
      ]),
      NDJSON,
    );
    await client.post('/v1/events/customers?wait=stored', { id: 'a', visits: 2 });
    assert.equal((await client.get('/v1/datasets/customers/rows/a')).json.visits, 2);
    assert.equal((await client.get('/v1/datasets/customers/rows/b')).json.visits, 1);
    assert.equal((await client.get('/v1/datasets/customers/rows/c')).status, 404);
    assert.equal((await client.get('/v1/datasets/customers')).json.rows, 2);
  });

  test('rows come as JSON, NDJSON, CSV and Parquet', async () => {
    const { client, system } = running();
    const query = '/v1/datasets/customers/rows?order=id';
    const asJson = (await client.get(query)).json.data;
    const lines = (await client.get(query, { accept: 'application/x-ndjson' })).text.trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      asJson,
    );
    const csv = (await client.get(`${query}&format=csv`)).text.trimEnd().split('\r\n');
    assert.equal(csv.length, 1 + asJson.length);
    const parquet = await fetch(`${system.url}${query}&format=parquet`);
    const bytes = Buffer.from(await parquet.arrayBuffer());
    assert.equal(bytes.subarray(0, 4).toString(), 'PAR1');
    assert.equal(bytes.subarray(-4).toString(), 'PAR1');
  });
}
