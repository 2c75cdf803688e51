import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { atEnd } from '../../support/at-end.ts';
import { clientOf, NDJSON, ndjson } from '../../support/client.ts';
import { eventually } from '../../support/eventually.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { Recording } from '../../support/recording.ts';
import { type System, startSystem } from '../../support/system.ts';

type Part = Readonly<Record<string, unknown>>;
type Step = (system: Recording) => Promise<void>;

/**
 * The same requests to the embedded log and database, and to a system of another broker and store: the same answers, ids
 * and times apart. Nothing differs but the configuration of those two.
 */
export function sameAnswerCases(broker: Part, store: Part): void {
  let systems: readonly System[] = [];
  let here: Recording;
  let there: Recording;
  before(async () => {
    const embedded = await startSystem({ config: ORDERS_CONFIG });
    systems = [embedded];
    const other = await startSystem({ config: { ...ORDERS_CONFIG, broker, store } });
    systems = [embedded, other];
    [here, there] = [new Recording(clientOf(embedded.url)), new Recording(clientOf(other.url))];
  });
  atEnd(() => Promise.all(systems.map((system) => system.stop())));

  for (const [name, step] of Object.entries(STEPS)) {
    test(`gives the same answers: ${name}`, async () => {
      const [from, begun] = [here.answers.length, there.answers.length];
      await Promise.all([step(here), step(there)]);
      assert.ok(here.answers.length > from);
      assert.deepEqual(there.answers.slice(begun), here.answers.slice(from));
    });
  }
}

const STORED = '?wait=stored&timeout=30s';
const TYPE = (type: string) => ({ 'content-type': type });
const cloudEvent = (id: string, n: number) => ({
  specversion: '1.0',
  id,
  source: '/shop',
  type: 'com.example.orders',
  data: { n, customer: 'cloud' },
});

/** Everything that is on its way has arrived. */
async function settled({ client }: Recording): Promise<void> {
  await eventually(async () => {
    const { json } = await client.get('/v1/conservation');
    const waiting = json.datasets.filter((each: { in_flight: number | null }) => each.in_flight !== 0);
    assert.deepEqual([json.balanced, waiting], [true, []]);
  });
}

const STEPS: Readonly<Record<string, Step>> = {
  'every format of intake': async (azud) => {
    const orders = `/v1/events/orders${STORED}`;
    const first = {
      n: 1,
      customer: 'Åsa',
      amount: 12.5,
      paid: true,
      placed_at: '2026-03-01T10:00:00+03:00',
      details: { a: [1] },
    };
    await azud.post(orders, first);
    await azud.post(orders, [{ n: 2 }, { n: 3, customer: 'Bo', undeclared: { kept: [true, null] } }]);
    await azud.post(
      orders,
      ndjson([
        { n: 4, amount: 0.1 },
        { n: 5, amount: -1e-7 },
      ]),
      NDJSON,
    );
    await azud.post(orders, 'n,customer,paid\n6,"a, ""b""",true\n7,,false\n', TYPE('text/csv'));
    await azud.post(orders, new Uint8Array(gzipSync('{"n":8}')), {
      ...TYPE('application/json'),
      'content-encoding': 'gzip',
    });
    // Numbers keep their digits.
    await azud.post(orders, '{"n":9007199254740993,"amount":1.7976931348623157e308}');
    const events = `/v1/events${STORED}`;
    await azud.post(events, cloudEvent('c-1', 10), TYPE('application/cloudevents+json'));
    await azud.post(events, [cloudEvent('c-2', 11), cloudEvent('c-3', 12)], TYPE('application/cloudevents-batch+json'));
    const attributes = { 'ce-specversion': '1.0', 'ce-id': 'c-4', 'ce-source': '/shop', 'ce-type': 'orders' };
    await azud.post(events, { n: 13, customer: 'cloud' }, { ...TYPE('application/json'), ...attributes });
  },

  'what does not fit': async (azud) => {
    const orders = '/v1/events/orders';
    for (const body of ['', '{"n":1', '[1]', '{"n":"x"}', '{"customer":"nobody"}', '{"n":1,"n":2}', '{"_n":1,"n":1}']) {
      await azud.post(orders, body);
    }
    await azud.post('/v1/events/parcels', { id: 'p', unknown: 1 });
    await azud.post('/v1/events/ordres', { n: 1 });
    await azud.post(orders, 'n', TYPE('application/xml'));
    await azud.post(`${orders}?strict=maybe`, { n: 1 });
    await azud.post(`${orders}?wait=soon`, { n: 1 });
    await azud.post(`${orders}?strict=true`, ndjson([{ n: 1 }, { n: 'x' }]), NDJSON);
    await azud.get(orders);
    await azud.get('/v1/nothing');
  },

  'duplicates and repeated requests': async (azud) => {
    const parcels = Array.from({ length: 20 }, (_, n) => ({ id: `p-${n}`, n, weight: n / 4 }));
    await azud.post(`/v1/events/parcels${STORED}`, parcels);
    await azud.post(
      `/v1/events/parcels${STORED}`,
      parcels.slice(10).map((parcel) => ({ ...parcel, n: 99 })),
    );
    const key = { 'idempotency-key': 'once' };
    await azud.post(`/v1/events/orders${STORED}`, { n: 20, customer: 'Once' }, key);
    await azud.post('/v1/events/orders', { n: 20, customer: 'Once' }, key);
    await settled(azud);
    await azud.get('/v1/datasets/parcels/rows?order=id&limit=3');
    await azud.get('/v1/datasets/orders/rows?customer=eq.Once');
  },

  receipts: async (azud) => {
    const { json } = await azud.post(`/v1/events/orders${STORED}`, ndjson([{ n: 30 }, { n: 'x' }, { n: 31 }]), NDJSON);
    await azud.get(`/v1/transactions/${json.transaction_id}`);
    await azud.get('/v1/transactions/0198f2f6-9a51-7cc0-8e6b-0123456789ab');
    await azud.get('/v1/transactions/none');
  },

  'rows, filters and pages': async (azud) => {
    const rows = '/v1/datasets/orders/rows';
    for (const query of [
      'order=n',
      'order=-n&limit=2',
      'order=n&select=n,customer,_extra',
      'order=n&n=gte.3&n=lt.7',
      'order=n&n=in.1,4,13',
      'order=n&customer=like.*loud',
      'order=n&customer=like.%25loud',
      'order=n&customer=is.null',
      'order=n&paid=eq.true',
      'order=n&amount=gt.0.05',
      'order=n&placed_at=gte.2026-01-01T00:00:00Z',
      'order=n&format=ndjson&select=n,amount',
      'order=n&format=csv&select=n,customer,paid,placed_at,details',
      'order=n&format=parquet&select=n',
      'limit=0',
      'order=nothing',
      'n=about.3',
      'nothing=eq.1',
      'cursor=x',
    ]) {
      await azud.get(`${rows}?${query}`);
    }
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await azud.get(`${rows}?order=n&select=n&limit=5${cursor ? `&cursor=${cursor}` : ''}`);
      cursor = page.json.next;
    }
    await azud.get('/v1/datasets/nothing/rows');
  },

  'a row by its id or key': async (azud) => {
    await azud.get('/v1/datasets/parcels/rows/p-3');
    await azud.get('/v1/datasets/parcels/rows/p-none');
    await azud.post(`/v1/events/customers${STORED}`, [
      { id: 'a', visits: 1 },
      { id: 'b', visits: 1 },
      { id: 'a', visits: 2 },
    ]);
    await azud.post(`/v1/events/customers${STORED}`, { id: 'b', name: 'Bo', visits: 3 });
    await azud.get('/v1/datasets/customers/rows?order=id');
    await azud.get('/v1/datasets/customers/rows/a');
    await azud.get('/v1/datasets/customers/rows/c');
  },

  endpoints: async (azud) => {
    const path = '/v1/endpoints/orders_by_customer';
    for (const query of [
      'customer=cloud',
      `customer=${encodeURIComponent('Åsa')}`,
      'customer=nobody',
      'customer=cloud&format=csv',
    ]) {
      await azud.get(`${path}?${query}`);
    }
    for (const query of [
      '',
      'customer=a&customer=b',
      'customer=a&other=1',
      'customer=a&limit=x',
      'customer=a&limit=2000',
    ]) {
      await azud.get(`${path}?${query}`);
    }
    await azud.get('/v1/endpoints/orders_by_nobody');
  },

  'dead letters: shown, corrected, replayed and discarded': async (azud) => {
    // One a request: letters of one moment have no order of their own.
    for (const id of ['d-1', 'd-2']) {
      const lines = ndjson([
        { id, n: 'x' },
        { id: `${id}-good`, n: 2 },
      ]);
      await azud.post(`/v1/events/parcels${STORED}`, lines, NDJSON);
    }
    const { json } = await azud.get('/v1/dead-letters?dataset=parcels');
    const ids = json.data.map(({ id }: { id: string }) => id);
    await azud.get(`/v1/dead-letters/${ids[0]}`);
    await azud.post(`/v1/dead-letters/${ids[0]}/replay`, { event: { id: 'd', n: 'still' } });
    const filter = { dataset: 'parcels' };
    const patch = [{ op: 'replace', path: '/n', value: 5 }];
    await azud.post('/v1/dead-letters/replay', { filter, patch, dry_run: true });
    await azud.post(`/v1/dead-letters/${ids[0]}/replay`, { event: { id: 'd-0', n: 0 } });
    await eventually(async () => {
      assert.equal((await azud.client.get(`/v1/dead-letters/${ids[0]}`)).status, 404);
    });
    await azud.get(`/v1/dead-letters/${ids[0]}`);
    await azud.post('/v1/dead-letters/discard', { filter });
    await azud.post('/v1/dead-letters/discard', { filter, reason: 'a test' });
    await eventually(async () => {
      assert.equal((await azud.client.get('/v1/dead-letters?dataset=parcels&state=dead')).json.data.length, 0);
    });
    await azud.get('/v1/dead-letters?dataset=parcels');
    await azud.get('/v1/datasets/parcels/rows?order=id&id=like.d%25');
    await azud.get('/v1/dead-letters/0198f2f6-9a51-7cc0-8e6b-0123456789ab');
  },

  'the sums': async (azud) => {
    await settled(azud);
    await azud.get('/v1/conservation');
    await azud.get('/v1/datasets');
    await azud.get('/v1/datasets/customers');
    await azud.get('/readyz');
    await azud.get('/healthz');
  },
};
