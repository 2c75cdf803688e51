import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as passes } from 'node:timers/promises';
import { clientOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { balanceOf } from '../support/load.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { refusedStart, type System, withSystem } from '../support/system.ts';

/** A system whose data directory the test has its hands on. */
async function inFolder(body: (system: System, folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'azud-vanished-'));
  try {
    const dataDir = join(folder, 'data');
    await withSystem({ config: ORDERS_CONFIG, dataDir }, (system) => body(system, folder));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const isReady = async (system: System) => assert.equal((await system.get('/readyz')).status, 200);

test('a data directory that goes while Azud runs is waited for, and nothing is begun in its place', () =>
  inFolder(async (system, folder) => {
    const [dataDir, away] = [join(folder, 'data'), join(folder, 'away')];
    const client = clientOf(system.url);
    const post = async (n: number) => assert.equal((await client.post('/v1/events/orders', { n })).status, 202);
    await post(1);
    await rename(dataDir, away);
    await system.kill('intake', 'SIGKILL');
    const says = /data\/log is gone; it was there when this system started/;
    await eventually(async () => assert.match(system.logs, says));
    await assert.rejects(stat(join(dataDir, 'log')), { code: 'ENOENT' });
    await rename(away, dataDir);
    await eventually(() => isReady(system), { timeoutMs: 60_000 });
    await post(2);
    await eventually(async () => {
      const { accepted, stored, balanced } = await balanceOf(client, 'orders');
      assert.deepEqual([accepted, stored, balanced], [2, 2, true]);
    });
  }));

test('a second start in the same folder is refused also while intake is away, and takes nothing from the first', () =>
  inFolder(async (system, folder) => {
    const second = refusedStart({ config: ORDERS_CONFIG, dataDir: join(folder, 'data') });
    for (let kills = 0; kills < 5; kills += 1) {
      await passes(300);
      await eventually(() => system.kill('intake', 'SIGKILL'));
    }
    const { code, words } = await second;
    assert.equal(code, 69, words);
    await eventually(() => isReady(system), { timeoutMs: 60_000 });
    assert.equal((await system.get('/v1/datasets/orders/rows')).status, 200);
  }));
