import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { batchOf, FLIGHTS } from '../conformance/fixtures.ts';
import { storeConformance } from '../conformance/suite.ts';
import type { StoreDriver } from '../driver.ts';
import { DUCKDB_DEFAULTS } from './config.ts';
import { DuckdbStoreDriver } from './driver.ts';
import { filesOf } from './recovery.ts';

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

test('a file of an Azud that had one head, and carried nothing from other logs, opens as it is', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'azud-duckdb-'));
  const before = create(dataDir);
  await before.open([FLIGHTS], SAFE);
  const position = { stream: 'log', offset: 1 };
  await before.write({ batches: [{ batch: batchOf(FLIGHTS, [{ delay: 1 }]), position, dead: new Map() }] });
  await before.rebuilt();
  await before.close();
  const instance = await DuckDBInstance.create(filesOf(join(dataDir, DUCKDB_DEFAULTS.path)).main);
  const connection = await instance.connect();
  await connection.run('DELETE FROM "_head" WHERE writer = 1');
  for (const column of ['carried', 'writer', 'turn']) await connection.run(`ALTER TABLE "_head" DROP COLUMN ${column}`);
  connection.closeSync();
  instance.closeSync();
  const steps: string[] = [];
  const after = create(dataDir);
  await after.open([FLIGHTS], { ...SAFE, onStep: (step) => steps.push(step) });
  const { progress, carried } = await after.ledger();
  assert.deepEqual([progress, carried.size, after.rebuilding], [[position], 0, false]);
  assert.ok(!steps.some((step) => /damag|aside/.test(step)), steps.join());
  await after.close();
  await rm(dataDir, { recursive: true });
});
