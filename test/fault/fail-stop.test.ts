import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { clientOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { balanceOf, postOrders } from '../support/load.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { type System, startSystem } from '../support/system.ts';

/** From now on no process of the system can write a file beyond so many bytes: the write fails with EFBIG. */
async function limitFiles(system: System, bytes: number | 'unlimited'): Promise<void> {
  const intake = (await system.children()).filter(({ role }) => role === 'intake');
  for (const pid of [system.pid, ...intake.map((child) => child.pid)]) {
    execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}`]);
  }
}

test('a disk that fails three times within ten minutes ends the system with 74, and nothing acknowledged is lost', async () => {
  const system = await startSystem({ config: ORDERS_CONFIG });
  try {
    const client = clientOf(system.url);
    const load = postOrders(client, 4);
    await eventually(async () => assert.ok((await balanceOf(client, 'orders')).stored > 50));
    await limitFiles(system, 4_096);
    await eventually(async () => assert.deepEqual(await system.children(), []));
    await load.stop();
    const code = await system.exitCode();
    assert.equal(code, 74, system.logs);
    // Once while it wrote, and at both starts after it, which write what they recover again.
    assert.equal(system.logs.match(/"exit_code":74/g)?.length, 3);
    assert.match(system.logs, /the log cannot be trusted any more and stops/);
    assert.match(system.logs, /3 I\/O failures within 10 minutes/);
    await system.start();
    await eventually(async () => {
      const { stored, balanced } = await balanceOf(client, 'orders');
      assert.ok(balanced && stored >= (load.statuses.get(202) ?? 0));
    });
    assert.equal((await client.post('/v1/events/orders', { n: 1 })).status, 202);
  } finally {
    await system.stop();
  }
});
