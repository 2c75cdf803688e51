import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { clientOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { balanceOf, postOrders } from '../support/load.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { startSystem } from '../support/system.ts';

test('analytics that gets no more memory dies and is started again; intake answers 202 all the while, and all is stored', async () => {
  const system = await startSystem({ config: ORDERS_CONFIG });
  try {
    const client = clientOf(system.url);
    const before = await system.children();
    const load = postOrders(client, 8);
    await eventually(async () => assert.ok((await balanceOf(client, 'orders')).stored > 100));
    const analytics = before.find(({ role }) => role === 'analytics');
    // From now on every request of this process to the kernel for memory is refused.
    execFileSync('prlimit', ['--pid', String(analytics?.pid), '--as=1']);
    await eventually(() => assert.match(system.logs, /a process died and is started again/), { timeoutMs: 60_000 });
    await eventually(async () => assert.equal((await client.get('/readyz')).status, 200), { timeoutMs: 60_000 });
    await load.stop();
    assert.deepEqual([...load.statuses.keys()], [202]);
    const acknowledged = load.statuses.get(202);
    await eventually(async () => {
      const { stored, balanced } = await balanceOf(client, 'orders');
      assert.deepEqual([stored, balanced], [acknowledged, true]);
    });
    const intakeOf = (children: typeof before) => children.find(({ role }) => role === 'intake')?.pid;
    assert.equal(intakeOf(await system.children()), intakeOf(before));
  } finally {
    await system.stop();
  }
});
