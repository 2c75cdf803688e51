import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CloudEvent, emitterFor, httpTransport, Mode } from 'cloudevents';
import { type Client, clientOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { type System, startSystem } from '../support/system.ts';

let system: System;
let client: Client;

before(async () => {
  system = await startSystem({ config: ORDERS_CONFIG });
  client = clientOf(system.url);
});
after(() => system.stop());

const cloudEvent = (id: string, n: number) =>
  new CloudEvent({ id, source: '/shop/1', type: 'com.example.orders', data: { n, customer: 'ce ü' } });

test('the cloudevents package emits in its three modes and its events arrive intact, once each', async () => {
  const url = `${system.url}/v1/events`;
  const binary = emitterFor(httpTransport(url), { mode: Mode.BINARY });
  const structured = emitterFor(httpTransport(url), { mode: Mode.STRUCTURED });
  await binary(cloudEvent('1', 1));
  await structured(cloudEvent('2', 2));
  // The package has no batch emitter; the batch mode is its events as one JSON array.
  const batch = await client.post('/v1/events', JSON.stringify([cloudEvent('3', 3), cloudEvent('4', 4)]), {
    'content-type': 'application/cloudevents-batch+json',
  });
  assert.equal(batch.status, 202, batch.text);
  await binary(cloudEvent('1', 1));
  await eventually(async () => {
    const { json } = await client.get('/v1/datasets/orders/rows?order=n');
    assert.deepEqual(
      json.data.map((row: { n: number; customer: string }) => [row.n, row.customer]),
      [1, 2, 3, 4].map((n) => [n, 'ce ü']),
    );
  });
  const { json } = await client.get('/v1/conservation');
  const orders = json.datasets.find((each: { dataset: string }) => each.dataset === 'orders');
  assert.equal(orders.accepted, 5);
  await eventually(async () => {
    const now = (await client.get('/v1/conservation')).json;
    assert.equal(now.datasets.find((each: { dataset: string }) => each.dataset === 'orders').duplicate, 1);
  });
});

test('a CloudEvent of an unknown type is refused by name', async () => {
  const refused = await client.post(
    '/v1/events',
    JSON.stringify({ specversion: '1.0', id: 'x', source: '/s', type: 'com.example.nothing', data: {} }),
    { 'content-type': 'application/cloudevents+json' },
  );
  assert.equal(refused.status, 404);
  assert.equal(refused.json.code, 'dataset-not-found');
});
