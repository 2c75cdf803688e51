import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { startAzud } from '../../src/app/start.ts';
import { loadConfig } from '../../src/config/load.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { clientOf } from '../support/client.ts';
import { fillableIo } from '../support/disk.ts';
import { fillsUpAndGoesOn } from '../support/full-disk.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';

test('a disk that says it is full: 507 with Retry-After, reads go on, and so does intake when there is room', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'azud-full-'));
  const { io, disk } = fillableIo();
  const path = join(folder, 'azud.yaml');
  await writeFile(
    path,
    stringify({ ...ORDERS_CONFIG, server: { port: 0 }, data_dir: './data', store: { kind: 'memory' } }),
  );
  const azud = await startAzud(await loadConfig({ path, env: {} }), { log: silentLog, io });
  try {
    await fillsUpAndGoesOn(clientOf(azud.url), disk);
  } finally {
    await azud.close();
    await rm(folder, { recursive: true });
  }
});
