import assert from 'node:assert/strict';
import { copyFile, mkdir, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { RECOVERY_LIMITS } from '../../limits.ts';
import { FLIGHTS, read } from '../conformance/fixtures.ts';
import type { DuckdbStoreDriver } from './driver.ts';
import { inFolder, largeUnitAt, offsetOf, openStore, unitAt } from './fixtures.ts';
import { filesOf, type StoreFiles } from './recovery.ts';

interface CrashedFiles extends StoreFiles {
  /** The log as it was at offset 15. */
  readonly olderWal: string;
  /** The file with offset 20 folded in. */
  readonly youngerMain: string;
}

/**
 * The state after a crash: offset 10 in the file and the snapshot, 20 in the log. Copied away while the store is open,
 * because closing would fold the write-ahead log in.
 */
async function crashed(dataDir: string, { snapshot = true } = {}): Promise<CrashedFiles> {
  const live = join(dataDir, 'live');
  const { driver } = await openStore(live);
  const from = filesOf(join(live, 'duckdb/azud.duckdb'));
  const to = filesOf(join(dataDir, 'duckdb/azud.duckdb'));
  const [olderWal, youngerMain] = [join(dataDir, 'older.wal'), join(dataDir, 'younger.duckdb')];
  await mkdir(join(dataDir, 'duckdb'));
  const write = async (first: number, last: number) => {
    for (let offset = first; offset <= last; offset += 1) await driver.write({ batches: [unitAt(offset)] });
  };
  await write(1, 10);
  await driver.snapshot();
  await write(11, 15);
  await copyFile(from.wal, olderWal);
  await write(16, 20);
  await copyFile(from.main, to.main);
  await copyFile(from.wal, to.wal);
  if (snapshot) await copyFile(from.snapshot, to.snapshot);
  await driver.snapshot();
  await copyFile(from.main, youngerMain);
  await driver.close();
  return { ...to, olderWal, youngerMain };
}

async function overwrite(
  path: string,
  { position, length = 64 }: { position: number; length?: number },
  bytes: (before: Buffer) => Buffer,
): Promise<void> {
  const file = await open(path, 'r+');
  const before = Buffer.alloc(length);
  await file.read(before, 0, length, position);
  await file.write(bytes(before), 0, length, position);
  await file.close();
}

const zeroed = (before: Buffer) => Buffer.alloc(before.length);
const flipped = (before: Buffer) => {
  const after = Buffer.from(before);
  after[0] = (after[0] ?? 0) ^ 0x10;
  return after;
};
const sizeOf = async (path: string) => (await stat(path)).size;

/** The blocks that hold the texts of a column. */
async function blocksOf(main: string, column: string, table = 'flights'): Promise<number[]> {
  const instance = await DuckDBInstance.create(main, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  const result = await connection.runAndReadAll(
    `SELECT DISTINCT block_id FROM pragma_storage_info('${table}') WHERE persistent AND column_name = '${column}'
       AND segment_type = 'VARCHAR' AND block_id >= 0`,
  );
  connection.closeSync();
  instance.closeSync();
  return result.getRows().map(([id]) => Number(id));
}

interface Damage {
  readonly name: string;
  readonly damage: (files: CrashedFiles) => Promise<void>;
  readonly snapshot?: boolean;
  /** Offsets that the store may say afterwards: anything consistent that is not younger than the damage allows. */
  readonly from: number;
  readonly to: number;
  /** No step is needed where the engine itself copes. */
  readonly steps?: RegExp;
}

const DAMAGES: readonly Damage[] = [
  { name: 'no damage', damage: async () => {}, from: 20, to: 20 },
  {
    name: 'a write-ahead log cut short',
    damage: async ({ wal }) => truncate(wal, (await sizeOf(wal)) - 300),
    from: 10,
    to: 19,
  },
  {
    name: 'a write-ahead log with a zeroed tail',
    damage: async ({ wal }) => overwrite(wal, { position: (await sizeOf(wal)) - 300, length: 300 }, zeroed),
    from: 10,
    to: 19,
    steps: /cutting the write-ahead log/,
  },
  {
    name: 'a bit flipped in the write-ahead log',
    damage: async ({ wal }) => overwrite(wal, { position: Math.floor((await sizeOf(wal)) / 2) }, flipped),
    from: 10,
    to: 19,
  },
  {
    name: 'a write-ahead log of noise',
    damage: async ({ wal }) => overwrite(wal, { position: 0 }, () => Buffer.alloc(64, 0xa5)),
    from: 10,
    to: 10,
  },
  {
    name: 'a database file cut short',
    damage: async ({ main }) => truncate(main, (await sizeOf(main)) / 2),
    from: 10,
    to: 10,
    steps: /snapshot/,
  },
  {
    name: 'a database file without its head',
    damage: async ({ main }) => overwrite(main, { position: 0, length: 12_288 }, zeroed),
    from: 10,
    to: 10,
    steps: /snapshot/,
  },
  { name: 'a missing database file', damage: async ({ main }) => rm(main), from: 10, to: 10, steps: /snapshot/ },
  {
    name: 'a missing database file and no snapshot',
    damage: async ({ main }) => rm(main),
    snapshot: false,
    from: 0,
    to: 0,
    steps: /starting empty/,
  },
  {
    name: 'both files of noise and a damaged snapshot',
    damage: async ({ main, wal, snapshot }) => {
      for (const file of [main, wal, snapshot])
        await overwrite(file, { position: 0, length: 12_288 }, () => Buffer.alloc(12_288, 0x5a));
    },
    from: 0,
    to: 0,
    steps: /starting empty/,
  },
  {
    name: 'an older database file from a backup, beside the log of a younger one',
    damage: async ({ main, snapshot }) => copyFile(snapshot, main),
    from: 10,
    to: 20,
  },
  {
    name: 'an older write-ahead log from a backup, beside a younger file',
    damage: async ({ main, wal, olderWal, youngerMain }) => {
      await copyFile(youngerMain, main);
      await copyFile(olderWal, wal);
    },
    from: 10,
    to: 20,
  },
  {
    name: 'both files from an older backup',
    damage: async ({ wal, olderWal }) => copyFile(olderWal, wal),
    from: 15,
    to: 15,
  },
  {
    name: 'a database file with a zeroed tail',
    damage: async ({ main }) => {
      const size = await sizeOf(main);
      await overwrite(main, { position: size - 65_536, length: 65_536 }, zeroed);
    },
    from: 10,
    to: 20,
  },
];

for (const { name, damage, snapshot = true, from, to, steps: expected } of DAMAGES) {
  test(`opens by itself after ${name}, at a consistent progress, and goes on from there`, async () => {
    await inFolder(async (dataDir) => {
      await damage(await crashed(dataDir, { snapshot }));
      const { driver, steps } = await openStore(dataDir);
      const offset = await offsetOf(driver);
      assert.ok(offset >= from && offset <= to, `offset ${offset}, steps ${steps.join('; ')}`);
      if (expected) {
        assert.match(steps.join('\n'), expected);
        assert.ok((await readdir(join(dataDir, 'duckdb'))).some((entry) => entry.startsWith('damaged-')));
      }
      for (let next = offset + 1; next <= 25; next += 1) await driver.write({ batches: [unitAt(next)] });
      assert.equal(await offsetOf(driver), 25);
      await driver.close();
      const again = await openStore(dataDir);
      assert.deepEqual(again.steps, []);
      assert.equal(await offsetOf(again.driver), 25);
      await again.driver.close();
    });
  });
}

test('that rows were left out is remembered until they were given again', async () => {
  await inFolder(async (dataDir) => {
    const files = filesOf(join(dataDir, 'duckdb/azud.duckdb'));
    const rebuilding = async (then: (driver: DuckdbStoreDriver) => unknown = () => {}) => {
      const { driver } = await openStore(dataDir);
      const found = driver.rebuilding;
      await then(driver);
      await driver.close();
      return found;
    };
    const rebuilt = (driver: DuckdbStoreDriver) => driver.rebuilt();
    assert.equal(await rebuilding(), true, 'a new file may stand for one that was removed');
    assert.equal(await rebuilding(rebuilt), true, 'by the process before it');
    assert.equal(await rebuilding((driver) => driver.write({ batches: [unitAt(1)] })), false);
    await overwrite(files.main, { position: 0, length: 12_288 }, zeroed);
    assert.equal(await rebuilding(), true, 'the damaged file is begun anew');
    assert.equal(await rebuilding(rebuilt), true);
    assert.equal(await rebuilding(), false);
  });
});

test('a damaged block met while reading is told, and the next start restores the snapshot', async () => {
  await inFolder(async (dataDir) => {
    const files = filesOf(join(dataDir, 'duckdb/azud.duckdb'));
    const first = await openStore(dataDir);
    await first.driver.write({ batches: [largeUnitAt(1)] });
    await first.driver.snapshot();
    await first.driver.close();
    // Blocks of rows are read by queries only, not by opening.
    for (const at of await blocksOf(files.main, 'flight_id'))
      await overwrite(files.main, { position: 12_288 + at * 262_144 + 100_000 }, flipped);
    const second = await openStore(dataDir);
    assert.deepEqual(second.steps, []);
    await assert.rejects(read(second.driver, FLIGHTS, { limit: 100_000 }), { code: 'store-damaged' });
    assert.equal(second.fatal.length, 1);
    await second.driver.close();
    const third = await openStore(dataDir);
    assert.match(third.steps.join(), /snapshot/);
    assert.equal((await read(third.driver, FLIGHTS, { limit: 100_000 })).length, 40_000);
    await third.driver.close();
  });
});

test('a damaged block met while the tables are made to fit is told, and the next start restores the snapshot', async () => {
  await inFolder(async (dataDir) => {
    const files = filesOf(join(dataDir, 'duckdb/azud.duckdb'));
    const first = await openStore(dataDir);
    await first.driver.write({ batches: [unitAt(1)] });
    await first.driver.snapshot();
    await first.driver.close();
    for (const at of await blocksOf(files.main, 'shape', '_shapes'))
      await overwrite(files.main, { position: 12_288 + at * 262_144 + 200_000 }, flipped);
    await assert.rejects(openStore(dataDir), { code: 'store-damaged' });
    const second = await openStore(dataDir);
    assert.match(second.steps.join(), /snapshot/);
    assert.equal(await offsetOf(second.driver), 1);
    await second.driver.close();
  });
});

test('of the damaged files the newest sets are kept, whatever the clock says', async () => {
  await inFolder(async (dataDir) => {
    const files = await crashed(dataDir);
    const folder = join(dataDir, 'duckdb');
    const sets = async () => (await readdir(folder)).filter((name) => name.startsWith('damaged-')).sort();
    const old = ['2019', '2020', '2021', '2999'].map((year) => `damaged-${year}-01-01T00-00-00.000Z`);
    for (const name of old) await mkdir(join(folder, name));
    await rm(files.main);
    await (await openStore(dataDir)).driver.close();
    const kept = await sets();
    assert.equal(kept.length, RECOVERY_LIMITS.damagedSetsMax);
    assert.deepEqual(
      kept.filter((name) => old.includes(name)),
      old.slice(-2),
    );
    const [own = ''] = kept.filter((name) => !old.includes(name));
    assert.deepEqual(await readdir(join(folder, own)), ['azud.duckdb.wal']);
  });
});

test('a snapshot is verified, and answers the progress it holds', async () => {
  await inFolder(async (dataDir) => {
    const { driver } = await openStore(dataDir);
    await driver.write({ batches: [unitAt(1)] });
    assert.deepEqual(await driver.snapshot(), [{ stream: 'test', offset: 1 }]);
    await Promise.all([
      driver.write({ batches: [unitAt(2)] }),
      driver.snapshot(),
      driver.write({ batches: [unitAt(3)] }),
    ]);
    assert.equal(await offsetOf(driver), 3);
    const names = await readdir(join(dataDir, 'duckdb'));
    assert.ok(names.includes('snapshot.duckdb'));
    assert.ok(!names.some((entry) => entry.endsWith('.part')));
    await driver.close();
  });
});

test('a folder where the database should be is no damage: it is refused, and nothing is moved', async () => {
  await inFolder(async (dataDir) => {
    await mkdir(join(dataDir, 'duckdb/azud.duckdb'), { recursive: true });
    await assert.rejects(openStore(dataDir), { code: 'invalid-config', message: /is a folder/ });
    assert.deepEqual(await readdir(join(dataDir, 'duckdb')), ['azud.duckdb']);
  });
});
