import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { clientOf } from '../../support/client.ts';
import { onSmallDisk, smallDiskOf } from '../../support/disk.ts';
import { eventually } from '../../support/eventually.ts';
import { fillsUpAndGoesOn, isNotReady } from '../../support/full-disk.ts';
import { balanceOf, postOrders } from '../../support/load.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { startSystem } from '../../support/system.ts';

test('a file system filled to its last byte: the same, with both processes and DuckDB on it', async () => {
  const dataDir = join(await mkdtemp(join(tmpdir(), 'azud-full-')), 'data');
  const system = await startSystem({ config: ORDERS_CONFIG, dataDir, launcher: onSmallDisk(dataDir, 96) });
  try {
    const before = await system.children();
    await fillsUpAndGoesOn(clientOf(system.url), smallDiskOf(system, dataDir));
    assert.deepEqual(await system.children(), before, 'no process was restarted');
  } finally {
    await system.stop();
    await rm(join(dataDir, '..'), { recursive: true });
  }
});

test('intake that is killed on a full disk comes back, answers 507 and reads, and takes events when there is room', async () => {
  const dataDir = join(await mkdtemp(join(tmpdir(), 'azud-full-')), 'data');
  const system = await startSystem({ config: ORDERS_CONFIG, dataDir, launcher: onSmallDisk(dataDir, 96) });
  try {
    const client = clientOf(system.url);
    const disk = smallDiskOf(system, dataDir);
    const post = async () => (await client.post('/v1/events/orders', { n: 1 })).status;
    assert.equal(await post(), 202);
    await disk.fill();
    for (let kills = 0; kills < 4; kills += 1) {
      await eventually(() => system.kill('intake', 'SIGKILL'));
      await eventually(async () => assert.equal(await post(), 507), { timeoutMs: 60_000 });
    }
    assert.equal((await client.get('/v1/datasets/orders/rows?limit=1')).status, 200);
    await disk.free();
    await eventually(async () => assert.equal(await post(), 202));
    await eventually(async () => {
      const { accepted, stored, balanced } = await balanceOf(client, 'orders');
      assert.deepEqual([stored, balanced], [accepted, true]);
    });
  } finally {
    await system.stop();
    await rm(join(dataDir, '..'), { recursive: true });
  }
});

test('a store whose own disk is full: intake goes on, readiness says why, and everything is stored when there is room', async () => {
  const dataDir = join(await mkdtemp(join(tmpdir(), 'azud-full-')), 'data');
  const duckdb = join(dataDir, 'duckdb');
  const system = await startSystem({ config: ORDERS_CONFIG, dataDir, launcher: onSmallDisk(duckdb, 48) });
  try {
    const client = clientOf(system.url);
    const disk = smallDiskOf(system, duckdb);
    const load = postOrders(client, 4);
    await eventually(async () => assert.ok((await balanceOf(client, 'orders')).stored > 100));
    await disk.fill();
    await eventually(() => isNotReady(client, 'loader'));
    assert.equal((await client.get('/v1/datasets/orders/rows?limit=1')).status, 200);
    await disk.free();
    await eventually(async () => assert.equal((await client.get('/readyz')).status, 200));
    await load.stop();
    assert.deepEqual([...load.statuses.keys()], [202]);
    const acknowledged = load.statuses.get(202);
    await eventually(async () => {
      const { accepted, stored, balanced } = await balanceOf(client, 'orders');
      assert.deepEqual([accepted, stored, balanced], [acknowledged, acknowledged, true]);
    });
  } finally {
    await system.stop();
    await rm(join(dataDir, '..'), { recursive: true });
  }
});
