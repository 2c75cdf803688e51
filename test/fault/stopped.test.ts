import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Client, clientOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { balanceOf, postOrders } from '../support/load.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { residentBytes, type System, startSystem } from '../support/system.ts';

/** Processes that hang: stopped by a signal under load, and let go on. */

/** Requests that intake must answer while analytics is stopped: some seconds' worth. */
const ANSWERED_MEANWHILE = 5_000;
const INTAKE_GROWTH_BYTES_MAX = 50 * 1024 * 1024;

let system: System;
let client: Client;

before(async () => {
  system = await startSystem({ config: ORDERS_CONFIG });
  client = clientOf(system.url);
});
after(() => system.stop());

async function allStored(acknowledged: number): Promise<void> {
  await eventually(
    async () => {
      const { stored, in_flight, balanced } = await balanceOf(client, 'orders');
      assert.deepEqual([stored, in_flight, balanced], [acknowledged, 0, true]);
    },
    { timeoutMs: 60_000 },
  );
}

test('analytics stopped under load: intake answers 202 in flat memory, reads 503, and the backlog is gone afterwards', async () => {
  const intake = (await system.children()).find(({ role }) => role === 'intake');
  const load = postOrders(client, 16);
  // Warm, so that what grows is what is kept.
  await eventually(() => assert.ok((load.statuses.get(202) ?? 0) > ANSWERED_MEANWHILE), { timeoutMs: 60_000 });
  const bytesBefore = await residentBytes(intake?.pid ?? 0);
  await system.kill('analytics', 'SIGSTOP');
  try {
    const before = load.statuses.get(202) ?? 0;
    await eventually(() => assert.ok((load.statuses.get(202) ?? 0) > before + ANSWERED_MEANWHILE), {
      timeoutMs: 60_000,
    });
    const answer = await client.get('/v1/datasets/orders/rows');
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1']);
    assert.ok((await residentBytes(intake?.pid ?? 0)) - bytesBefore < INTAKE_GROWTH_BYTES_MAX);
  } finally {
    await system.kill('analytics', 'SIGCONT');
  }
  await load.stop();
  assert.deepEqual([...load.statuses.keys()], [202]);
  await allStored(load.statuses.get(202) ?? 0);
});

test('intake stopped: clients wait and are answered when it goes on, and every answer is kept', async () => {
  const { stored: before } = await balanceOf(client, 'orders');
  await system.kill('intake', 'SIGSTOP');
  const waiting = Array.from({ length: 50 }, (_, n) => client.post('/v1/events/orders', { n }));
  const nobody = eventually(() => assert.fail('nobody answers'), { timeoutMs: 1_000 }).catch(() => null);
  assert.equal(await Promise.race([...waiting, nobody]), null);
  await system.kill('intake', 'SIGCONT');
  const statuses = (await Promise.all(waiting)).map(({ status }) => status);
  assert.ok(
    statuses.every((status) => status === 202),
    JSON.stringify(statuses),
  );
  await allStored(before + statuses.length);
});
