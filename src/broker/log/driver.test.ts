import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../lib/clock.ts';
import { nodeIo } from '../../lib/node-io.ts';
import { silentLog } from '../../telemetry/log.ts';
import { brokerConformance } from '../conformance/conformance.ts';
import type { BrokerDriver } from '../driver.ts';
import { createLogDriver } from './driver.ts';

const SETTINGS = { segment_bytes: 64 * 1024 * 1024, retention: 1_000, retention_bytes: 1e9 };
/** So small that nearly every case crosses a segment. */
const TINY_SETTINGS = { ...SETTINGS, segment_bytes: 2_000 };

let folder = '';

function create(role: 'owner' | 'client', settings = SETTINGS): BrokerDriver {
  return createLogDriver(settings, {
    role,
    dataDir: join(folder, 'data'),
    io: nodeIo,
    clock: systemClock,
    log: silentLog,
    onFatal: (error) => {
      throw error;
    },
    limits: { reserveBytes: 4_096, diskUsedRatioMax: 1 },
  });
}

async function newFolder(): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'azud-log-'));
}

async function opened(driver: BrokerDriver): Promise<BrokerDriver> {
  await driver.open();
  return driver;
}

for (const [name, settings] of [
  ['log (owner)', SETTINGS],
  ['log (owner, tiny segments)', TINY_SETTINGS],
] as const) {
  brokerConformance({
    name,
    open: async () => {
      await newFolder();
      return opened(create('owner', settings));
    },
    restart: async (driver) => {
      await driver.close();
      return opened(create('owner', settings));
    },
    close: async (driver) => {
      await driver.close();
      await rm(folder, { recursive: true });
    },
  });
}

let owner: BrokerDriver;

brokerConformance({
  name: 'log (client)',
  open: async () => {
    await newFolder();
    owner = await opened(create('owner', TINY_SETTINGS));
    return opened(create('client'));
  },
  restart: async (driver) => {
    await driver.close();
    await owner.close();
    owner = await opened(create('owner', TINY_SETTINGS));
    return opened(create('client'));
  },
  close: async (driver) => {
    await driver.close();
    await owner.close();
    await rm(folder, { recursive: true });
  },
});
