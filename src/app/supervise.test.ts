import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { ORDERS_CONFIG } from '../../test/support/orders.ts';
import { type System, startSystem } from '../../test/support/system.ts';

/** The supervised pair as a user runs it: real processes, real signals. */

let system: System;

before(async () => {
  system = await startSystem({ config: ORDERS_CONFIG });
});

after(() => system.stop());

async function send(n: number): Promise<number> {
  try {
    return (await system.post('/v1/events/orders', JSON.stringify({ n }))).status;
  } catch {
    // Reset or refused: nothing was promised.
    return 0;
  }
}

interface Balance {
  readonly dataset: string;
  readonly accepted: number;
  readonly stored: number;
  readonly balanced: boolean;
}

async function orders(): Promise<Balance> {
  const report = (await (await system.get('/v1/conservation')).json()) as { datasets: Balance[] };
  return report.datasets.find(({ dataset }) => dataset === 'orders') ?? assert.fail('no orders');
}

/** Sends until the action has been answered with what ends it; counts what was acknowledged. */
async function sendWhile(action: () => Promise<void>): Promise<{ acknowledged: number; refused: number }> {
  let acknowledged = 0;
  let refused = 0;
  let running = true;
  const senders = Array.from({ length: 8 }, async (_, sender) => {
    for (let n = 0; running; n += 1) {
      if ((await send(sender * 1_000_000 + n)) === 202) acknowledged += 1;
      else refused += 1;
    }
  });
  await action();
  running = false;
  await Promise.all(senders);
  return { acknowledged, refused };
}

async function ready(): Promise<void> {
  await eventually(async () => assert.equal((await system.get('/readyz')).status, 200));
}

test("intake has one thread in its pool, so that the log's writes wait for no other thread to wake", async () => {
  if (process.platform !== 'linux') return;
  assert.equal(await send(1), 202);
  const intake = (await system.children()).find(({ role }) => role === 'intake');
  const folder = `/proc/${intake?.pid}/task`;
  const names = (await readdir(folder)).map((id) => readFile(`${folder}/${id}/comm`, 'utf8'));
  assert.equal((await Promise.all(names)).filter((name) => name.startsWith('libuv-worker')).length, 1);
});

test('the children name themselves, and the front door has no data of its own', async () => {
  const roles = (await system.children()).map(({ role }) => role).sort();
  assert.deepEqual(roles, ['analytics', 'intake']);
});

test('SIGTERM to one child renews it in order: every POST acknowledged is stored, and the other child stays', async () => {
  for (const role of ['analytics', 'intake']) {
    const before = await orders();
    const others = (await system.children()).filter((child) => child.role !== role);
    const { acknowledged } = await sendWhile(async () => {
      const pid = await system.kill(role, 'SIGTERM');
      await eventually(async () => {
        const children = await system.children();
        assert.ok(children.some((child) => child.role === role && child.pid !== pid));
      });
      await ready();
    });
    assert.deepEqual(
      (await system.children()).filter((child) => child.role !== role),
      others,
    );
    await eventually(async () => {
      const balance = await orders();
      assert.equal(balance.balanced, true);
      assert.ok(balance.stored >= before.stored + acknowledged);
    });
  }
});

test('kill -9 of analytics under requests: every POST is answered 202, and everything acknowledged is stored', async () => {
  const before = await orders();
  const { acknowledged, refused } = await sendWhile(async () => {
    const pid = await system.kill('analytics', 'SIGKILL');
    await eventually(async () => {
      const children = await system.children();
      assert.ok(children.some(({ role, pid: other }) => role === 'analytics' && other !== pid));
    });
    await ready();
  });
  assert.equal(refused, 0);
  await eventually(async () => {
    const balance = await orders();
    assert.deepEqual([balance.stored, balance.balanced], [before.stored + acknowledged, true]);
  });
});

test('while analytics is stopped, reads are 503 with Retry-After, readiness says why, and intake answers 202', async () => {
  await ready();
  await system.kill('analytics', 'SIGSTOP');
  try {
    assert.equal(await send(1), 202);
    const answer = await system.get('/v1/datasets');
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1']);
    const readiness = await system.get('/readyz');
    assert.equal(readiness.status, 503);
    assert.match(await readiness.text(), /"name":"analytics","ok":false/);
    assert.equal(await send(2), 202);
  } finally {
    await system.kill('analytics', 'SIGCONT');
  }
  await ready();
});

test('who waits for the store while analytics hangs is told at the end that the events are queued', async () => {
  const own = await startSystem({ config: ORDERS_CONFIG });
  try {
    await own.kill('analytics', 'SIGSTOP');
    const waiting = own.post('/v1/events/orders?wait=stored&timeout=60s', '{"n":1}', {
      'content-type': 'application/json',
    });
    await eventually(async () =>
      assert.match(await (await own.get('/metrics')).text(), /azud_accepted_total\{[^}]*\} 1\n/),
    );
    process.kill(own.pid, 'SIGTERM');
    const answer = await waiting;
    assert.deepEqual([answer.status, ((await answer.json()) as { state: string }).state], [202, 'queued']);
  } finally {
    await own.kill('analytics', 'SIGKILL').catch(() => {});
    await own.stop();
  }
});

test('kill -9 of intake under requests: it comes back at its port, and nothing acknowledged is missing', async () => {
  await ready();
  const before = await orders();
  const { acknowledged } = await sendWhile(async () => {
    await system.kill('intake', 'SIGKILL');
    await eventually(async () => assert.equal(await send(0), 202));
    await ready();
  });
  await eventually(async () => {
    const balance = await orders();
    assert.ok(balance.balanced && balance.stored === balance.accepted);
    // What was not answered may have been taken in; what was answered must have been.
    assert.ok(balance.stored >= before.stored + acknowledged, `${balance.stored} of ${acknowledged}`);
  });
});

test('SIGTERM under requests drains within ten seconds, exits 0, and nothing acknowledged is missing', async () => {
  await ready();
  const before = await orders();
  let code: number | null = null;
  const { acknowledged } = await sendWhile(async () => {
    await eventually(async () => assert.ok((await orders()).accepted > before.accepted + 50));
    code = await system.terminate();
  });
  assert.equal(code, 0);
  await system.start();
  await eventually(async () => {
    const balance = await orders();
    assert.ok(balance.balanced && balance.stored >= before.stored + acknowledged);
  });
});

test('when the supervisor is killed its children end', async () => {
  const children = await system.children();
  process.kill(system.pid, 'SIGKILL');
  await eventually(() => {
    for (const { pid } of children) assert.throws(() => process.kill(pid, 0));
  });
  await system.start();
});

test('a second start on the same data directory says who has it, and the first goes on', async () => {
  const second = await startSystem({ config: ORDERS_CONFIG, dataDir: system.dataDir }).then(
    () => assert.fail('it started'),
    (error: Error) => error.message,
  );
  assert.match(second, /locked by pid \d+/);
  assert.match(second, /ended with 69/);
  assert.equal(await send(3), 202);
});
