import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Client, clientOf, NDJSON, ndjson } from '../support/client.ts';
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

const batch = (bad: readonly number[]) =>
  Array.from({ length: 1_000 }, (_, n) => (bad.includes(n + 1) ? { n: `${n}m`, customer: 'bad' } : { n }));

test('a batch with one bad row of 1,000: 999 stored, 1 dead letter; corrected and replayed, 1,000', async () => {
  const posted = await client.post('/v1/events/orders', ndjson(batch([17])), NDJSON);
  assert.equal(posted.status, 202);
  const { transaction_id: id, ...rest } = posted.json;
  assert.equal(rest.accepted, 999);
  assert.equal(rest.rejected, 1);
  assert.deepEqual(rest.errors, [{ row: 17, path: '/n', code: 'schema_violation', message: rest.errors[0].message }]);
  assert.match(rest.errors[0].message, /\/n must be an integer, got "16m"/);
  const receipt = await eventually(async () => {
    const { json } = await client.get(`/v1/transactions/${id}`);
    assert.equal(json.state, 'partial');
    return json;
  });
  assert.deepEqual(receipt.counts, { accepted: 1_000, stored: 999, duplicate: 0, dead: 1, queued: 0 });
  assert.equal(receipt.dead_letters.length, 1);

  const list = (await client.get('/v1/dead-letters?dataset=orders')).json;
  assert.equal(list.data.length, 1);
  const letter = (await client.get(`/v1/dead-letters/${list.data[0].id}`)).json;
  assert.equal(letter.row, 17);
  assert.equal(letter.stage, 'intake');
  assert.equal(letter.code, 'schema_violation');
  assert.equal(letter.path, '/n');
  assert.deepEqual(JSON.parse(letter.original), { n: '16m', customer: 'bad' });

  const refused = await client.post(`/v1/dead-letters/${letter.id}/replay`, { event: { n: 'still bad' } });
  assert.equal(refused.status, 422);
  const replayed = await client.post(`/v1/dead-letters/${letter.id}/replay`, { event: { n: 16 } });
  assert.ok([200, 202].includes(replayed.status), replayed.text);
  await eventually(async () => {
    const { json } = await client.get(`/v1/transactions/${id}`);
    assert.equal(json.state, 'stored');
    assert.deepEqual(json.counts, { accepted: 1_000, stored: 1_000, duplicate: 0, dead: 0, queued: 0 });
  });
  assert.equal((await client.get('/v1/datasets/orders')).json.rows, 1_000);
  assert.equal((await client.get('/v1/dead-letters')).json.data.length, 0);
  assert.equal((await client.get(`/v1/dead-letters/${letter.id}`)).status, 404);
});

test('many are replayed with one patch after a dry run, and the rest is discarded with a reason', async () => {
  await client.post('/v1/events/orders?wait=stored', ndjson(batch([1, 2, 3])), NDJSON);
  await client.post('/v1/events/orders?wait=stored', ndjson([{ n: 1 }, { customer: 'nobody' }]), NDJSON);
  const filter = { dataset: 'orders' };
  const patch = [{ op: 'replace', path: '/n', value: 5 }];
  const dry = (await client.post('/v1/dead-letters/replay', { filter, patch, dry_run: true })).json;
  assert.equal(dry.matched, 4);
  assert.equal(dry.would_pass, 3);
  assert.equal((await client.get('/v1/dead-letters')).json.data.length, 4);
  await client.post('/v1/dead-letters/replay', { filter, patch });
  await eventually(async () => assert.equal((await client.get('/v1/dead-letters')).json.data.length, 1));
  const noReason = await client.post('/v1/dead-letters/discard', { filter });
  assert.ok([400, 422].includes(noReason.status));
  await client.post('/v1/dead-letters/discard', { filter, reason: 'a test order' });
  await eventually(async () => {
    const { json } = await client.get('/v1/dead-letters?state=dead');
    assert.equal(json.data.length, 0);
  });
  const { json } = await client.get('/v1/conservation');
  assert.equal(json.balanced, true);
  const orders = json.datasets.find((each: { dataset: string }) => each.dataset === 'orders');
  assert.deepEqual([orders.accepted, orders.stored, orders.dead], [2_002, 2_001, 1]);
});

test('strict=true stores all or nothing', async () => {
  const before = (await client.get('/v1/conservation')).json;
  const refused = await client.post('/v1/events/orders?strict=true', ndjson(batch([500])), NDJSON);
  assert.equal(refused.status, 422);
  assert.equal(refused.json.code, 'batch-rejected');
  assert.equal(refused.json.errors[0].row, 500);
  assert.deepEqual((await client.get('/v1/conservation')).json, before);
});
