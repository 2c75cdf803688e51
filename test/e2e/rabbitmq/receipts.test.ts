import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NDJSON, ndjson } from '../../support/client.ts';
import { eventually } from '../../support/eventually.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { freshRabbitmq } from '../../support/rabbitmq.ts';
import { runningSystem } from '../suites/calls.ts';

/** RabbitMQ cannot find what it holds: intake remembers, and the front door takes that along to analytics. */

const running = runningSystem({ ...ORDERS_CONFIG, broker: freshRabbitmq() });

test('a receipt is there from the moment of the answer, and goes from queued to stored', async () => {
  const { client } = running();
  const states = new Set<string>();
  const ids: string[] = [];
  for (let n = 0; n < 30; n += 1) {
    const body = ndjson([{ n }, { n: 'wrong' }, { n: n + 1 }]);
    const { json } = await client.post('/v1/events/orders', body, NDJSON);
    const receipt = await client.get(`/v1/transactions/${json.transaction_id}`);
    assert.equal(receipt.status, 200, receipt.text);
    assert.equal(receipt.json.dataset, 'orders');
    assert.equal(receipt.json.counts.accepted, 3);
    states.add(receipt.json.state);
    ids.push(json.transaction_id);
  }
  assert.ok(states.has('queued'), [...states].join());
  for (const id of ids) {
    await eventually(async () => {
      const { json } = await client.get(`/v1/transactions/${id}`);
      assert.equal(json.state, 'partial');
      assert.deepEqual(json.counts, { accepted: 3, stored: 2, duplicate: 0, dead: 1, queued: 0 });
    });
  }
  const unknown = await client.get('/v1/transactions/019a0000-0000-7000-8000-000000000000');
  assert.equal(unknown.status, 404);
});

test('a request larger than a message is stored only when all its parts are', async () => {
  const { client } = running();
  const events = Array.from({ length: 400 }, (_, n) => ({ n, customer: 'x'.repeat(8_000) }));
  const answer = await client.post('/v1/events/orders?wait=stored&timeout=30s', ndjson(events), NDJSON);
  assert.equal(answer.json.state, 'stored', answer.text.slice(0, 500));
  assert.deepEqual(answer.json.counts, { accepted: 400, stored: 400, duplicate: 0, dead: 0, queued: 0 });
});
