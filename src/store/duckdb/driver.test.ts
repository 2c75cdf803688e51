import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeConformance } from '../conformance/suite.ts';
import type { StoreDriver } from '../driver.ts';
import { DuckdbStoreDriver } from './driver.ts';

const SAFE = { allowDestructive: false, onStep: () => {} };
const folders = new WeakMap<StoreDriver, string>();

function create(dataDir: string): DuckdbStoreDriver {
  const driver = new DuckdbStoreDriver(
    { kind: 'duckdb', threads: 1, memory_limit: '512MB' },
    { dataDir, onFatal: () => {} },
  );
  folders.set(driver, dataDir);
  return driver;
}

storeConformance('duckdb', {
  async open(datasets) {
    const driver = create(await mkdtemp(join(tmpdir(), 'azud-duckdb-')));
    await driver.open(datasets, SAFE);
    return driver;
  },
  async reopen(driver, datasets, options) {
    await driver.close();
    const next = create(folders.get(driver) ?? '');
    await next.open(datasets, { ...SAFE, ...options });
    return next;
  },
  async close(driver) {
    await driver.close();
    await rm(folders.get(driver) ?? '', { recursive: true, force: true });
  },
});
