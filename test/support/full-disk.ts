import assert from 'node:assert/strict';
import type { Client } from './client.ts';
import type { FillableDisk } from './disk.ts';
import { eventually } from './eventually.ts';
import { balanceOf, postOrders } from './load.ts';

/** A full disk fails the next write, and with it the request. */
const REFUSES_WITHIN_MS = 1_000;
const ACCEPTS_WITHIN_MS = 5_000;
const ORDER = { n: 1 };

/** @throws AssertionError unless /readyz says of that check that it is not ok, and why */
export async function isNotReady(client: Client, check: string): Promise<void> {
  const { status, json } = await client.get('/readyz');
  assert.equal(status, 503);
  const found = json.checks.find((each: { name: string }) => each.name === check);
  assert.equal(found?.ok, false, JSON.stringify(json));
  assert.ok(found.reason.length > 0);
}

/** Fills the disk below a system under load, and frees it again. */
export async function fillsUpAndGoesOn(client: Client, disk: FillableDisk): Promise<void> {
  const load = postOrders(client, 4);
  await eventually(async () => assert.ok((await balanceOf(client, 'orders')).stored > 100));
  await disk.fill();
  await eventually(() => assert.ok(load.statuses.has(507)), { timeoutMs: REFUSES_WITHIN_MS });
  const refusal = await client.post('/v1/events/orders', ORDER);
  assert.equal(refusal.status, 507);
  assert.equal(refusal.json.code, 'storage-full');
  assert.ok(Number(refusal.headers.get('retry-after')) >= 1);
  await eventually(() => isNotReady(client, 'broker'));
  await eventually(async () => assert.equal((await client.get('/v1/datasets/orders/rows?limit=1')).status, 200));
  await disk.free();
  const before = load.statuses.get(202) ?? 0;
  const goesOn = () => assert.ok((load.statuses.get(202) ?? 0) > before);
  await eventually(goesOn, { timeoutMs: ACCEPTS_WITHIN_MS });
  await load.stop();
  await eventually(async () => assert.equal((await client.get('/readyz')).status, 200));
  assert.deepEqual([...load.statuses.keys()].sort(), [202, 507]);
  const acknowledged = load.statuses.get(202);
  await eventually(async () => {
    const { accepted, stored, balanced } = await balanceOf(client, 'orders');
    assert.deepEqual([accepted, stored, balanced], [acknowledged, acknowledged, true]);
  });
}
