import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type RunningAzud, startAzud } from '../../src/app/start.ts';
import { loadConfig } from '../../src/config/load.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { ORDERS_CONFIG } from './orders.ts';

/** A whole Azud in this process, on the memory broker and store, with the shared datasets. Closing removes its folder. */
export async function startInMemory(settings: Readonly<Record<string, unknown>> = {}): Promise<RunningAzud> {
  const folder = await mkdtemp(join(tmpdir(), 'azud-memory-'));
  const path = join(folder, 'azud.yaml');
  const config = {
    ...ORDERS_CONFIG,
    server: { port: 0 },
    data_dir: './data',
    broker: { kind: 'memory' },
    store: { kind: 'memory' },
    ...settings,
  };
  await writeFile(path, stringify(config));
  const azud = await startAzud(await loadConfig({ path, env: {} }), { log: silentLog });
  return {
    ...azud,
    async close() {
      await azud.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
