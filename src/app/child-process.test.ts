import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { ORDERS_CONFIG } from '../../test/support/orders.ts';
import { loadConfig } from '../config/load.ts';
import { isAzudError } from '../error/azud-error.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLog } from '../telemetry/log.ts';
import { Child, type ChildEnd } from './child-process.ts';
import type { ProcessPlan } from './plan.ts';
import { Supervisor } from './supervise.ts';

const config = { broker: { kind: 'log' } };
const PLAN = { title: 'test', config, roles: [], door: 'public', forwards: false } as unknown as ProcessPlan;

/** Spawning fails as it does when the system has no more files, processes or memory to give: with an error event. */
async function withoutProcesses(run: () => Promise<void>): Promise<void> {
  const { execPath } = process;
  process.execPath = '/nowhere/node';
  try {
    await run();
  } finally {
    process.execPath = execPath;
  }
}

test('a child that cannot be spawned ends once, and is spoken for', () =>
  withoutProcesses(async () => {
    const ended = Promise.withResolvers<ChildEnd>();
    new Child(
      PLAN,
      { execArgv: [], env: {} },
      { onMessage: () => assert.fail('nobody can speak'), onEnd: ended.resolve },
    );
    const { code, signal, failure } = await ended.promise;
    assert.deepEqual([code, signal, failure?.code, failure?.exit], [1, null, 'io-failed', 74]);
    assert.match(failure?.message ?? '', /^cannot start a process: spawn .*ENOENT/);
  }));

test('a system whose first process cannot be spawned refuses to start, and says why', () =>
  withoutProcesses(async () => {
    const onReady = () => assert.fail('nothing is ready');
    const supervisor = new Supervisor({ intake: PLAN, analytics: PLAN, clock: systemClock, log: silentLog, onReady });
    await assert.rejects(supervisor.run(), (error) => isAzudError(error, 'io-failed') && /limits/.test(error.hint));
  }));

test('a system whose second process cannot be spawned refuses to start too, and leaves none behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'azud-spawn-'));
  const path = join(folder, 'azud.yaml');
  await writeFile(path, stringify({ ...ORDERS_CONFIG, server: { port: 0 }, data_dir: './data' }));
  const config = await loadConfig({ path, env: {} });
  const common = { config, port: 0, allowDestructive: false };
  const intake: ProcessPlan = { ...common, title: 'intake', roles: ['intake'], door: 'public', forwards: true };
  const onReady = () => assert.fail('nothing is ready');
  const supervisor = new Supervisor({ intake, analytics: PLAN, clock: systemClock, log: silentLog, onReady });
  const running = supervisor.run();
  // The first has been forked.
  await withoutProcesses(() =>
    assert.rejects(running, (error) => isAzudError(error, 'io-failed') && /cannot start a process/.test(error.message)),
  );
  await rm(folder, { recursive: true });
});
