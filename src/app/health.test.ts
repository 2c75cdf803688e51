import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fillableIo } from '../../test/support/disk.ts';
import { eventually } from '../../test/support/eventually.ts';
import { Broker } from '../broker/broker.ts';
import { makeMessage } from '../broker/conformance/messages.ts';
import type { BrokerDriver } from '../broker/driver.ts';
import { createLogDriver } from '../broker/log/driver.ts';
import { MemoryDriver } from '../broker/memory/driver.ts';
import { systemClock } from '../lib/clock.ts';
import type { Io } from '../lib/io.ts';
import { nodeIo } from '../lib/node-io.ts';
import { silentLog } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import type { Analytics } from './analytics.ts';
import { HealthChecks } from './health.ts';
import type { ProcessPlan } from './plan.ts';
import { ANALYTICS_ROLES, type Role } from './roles.ts';

const SETTINGS = { segment_bytes: 1e6, retention: 1e12, retention_bytes: 1e12 };

interface Half {
  readonly dataDir: string;
  readonly driver: BrokerDriver;
  readonly io: Io;
  readonly roles: readonly Role[];
}

function healthOf({ dataDir, driver, io, roles }: Half): HealthChecks {
  const metrics = new Metrics();
  const broker = new Broker({ driver, metrics, log: silentLog, clock: systemClock });
  const plan = { title: 'test', roles, config: { dataDir } } as unknown as ProcessPlan;
  const analytics = { state: { name: 'running' } } as unknown as Analytics;
  return new HealthChecks({
    plan,
    metrics,
    io,
    broker,
    forwarder: null,
    active: () => 0,
    analytics: () => analytics,
    takenIn: async () => null,
  });
}

/** The check of that name: true, or why not. */
async function checkOf(health: HealthChecks, name: string): Promise<true | string> {
  const found = (await health.readiness()).checks.find((each) => each.name === name);
  if (found?.ok) return true;
  return found?.reason ?? assert.fail(`no check is named ${name}`);
}

test('the broker check says why a log that refuses does, and is well again when the log is', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'azud-health-'));
  const { io, disk } = fillableIo();
  const fatal: Error[] = [];
  const context = {
    dataDir,
    io,
    clock: systemClock,
    log: silentLog,
    onFatal: (error: Error) => void fatal.push(error),
  };
  const limits = { reserveBytes: 0, diskUsedRatioMax: 1, fullDiskProbeMs: 1 };
  const owner = createLogDriver(SETTINGS, { ...context, role: 'owner', limits });
  await owner.open();
  const client = createLogDriver(SETTINGS, { ...context, role: 'client' });
  await client.open();
  const intake = healthOf({ dataDir, driver: owner, io, roles: ['intake'] });
  const analytics = healthOf({ dataDir, driver: client, io, roles: ANALYTICS_ROLES });
  assert.deepEqual([await checkOf(intake, 'broker'), await checkOf(analytics, 'loader')], [true, true]);
  await disk.fill();
  await owner.publish([makeMessage()]);
  assert.match(String(await checkOf(intake, 'broker')), /the log takes no more events/);
  assert.match(String(await checkOf(intake, 'disk')), /% full/);
  assert.equal(await checkOf(analytics, 'loader'), true, 'what is in a full log can still be loaded');
  await disk.free();
  await eventually(async () => assert.equal(await checkOf(intake, 'broker'), true));
  await owner.close();
  assert.match(String(await checkOf(intake, 'broker')), /not open/);
  await eventually(async () => assert.match(String(await checkOf(analytics, 'loader')), /does not answer/));
  await client.close();
  for (const health of [intake, analytics]) health.close();
  await rm(dataDir, { recursive: true });
  assert.deepEqual(fatal, []);
});

test('a broker that knows nothing against itself is well', async () => {
  const driver = new MemoryDriver({ clock: systemClock });
  const health = healthOf({ dataDir: tmpdir(), driver, io: nodeIo, roles: ['intake'] });
  assert.equal(await checkOf(health, 'broker'), true);
  health.close();
});
