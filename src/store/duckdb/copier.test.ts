import assert from 'node:assert/strict';
import { open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { DUCKDB_DEFAULTS } from './config.ts';
import { Copier } from './copier.ts';
import { inFolder } from './fixtures.ts';
import { filesOf } from './recovery.ts';
import { openInstance, openReadOnly, Session } from './session.ts';

const BLOCK_BYTES = 256 * 1024;
const CONTENTS = 'SELECT count(*), sum(n), sum(hash(text) % 1000003) FROM rows_';
const insert = (rows: number) =>
  `INSERT INTO rows_ SELECT range, md5((range + random() * 1e9)::VARCHAR) FROM range(${rows})`;

/** What units, sweeps and failed units do to the file: small and large inserts, removals, changes, and what is rolled back. */
const WRITES: readonly (readonly string[])[] = [
  [insert(300)],
  [insert(130_000)],
  [`DELETE FROM rows_ WHERE n % 3 = 0`],
  ['BEGIN', insert(130_000), 'ROLLBACK'],
  [`UPDATE rows_ SET text = 'changed ' || text WHERE n < 2000`],
  ['CREATE TABLE other AS SELECT * FROM rows_', 'DROP TABLE other'],
];

test('a copy holds what was there when it was begun, whatever is written while it is made', async () => {
  await inFolder(async (folder) => {
    const files = filesOf(join(folder, 'store.duckdb'));
    // The engine would fold after nearly every write.
    const instance = await openInstance(files.main, { ...DUCKDB_DEFAULTS, threads: 2, checkpoint_threshold: '100KB' });
    const writer = await Session.open(instance);
    await writer.run('CREATE TABLE rows_ (n BIGINT, text VARCHAR)');
    for (let round = 0; round < WRITES.length; round += 1) await writer.run(insert(100_000));
    await writer.run('DELETE FROM rows_ WHERE n % 2 = 0');
    let released = 0;
    const copier = new Copier({
      files,
      threshold: '100KB',
      inTurn: (work) => work(writer),
      onRelease: () => {
        released += 1;
      },
      copyFile: async (from, to) => {
        const [source, target] = [await open(from), await open(to, 'w')];
        const { size } = await source.stat();
        const block = Buffer.alloc(BLOCK_BYTES);
        let blocks = 0;
        // From its end, so that what is written meanwhile comes before its turn.
        for (let at = Math.floor(size / BLOCK_BYTES) * BLOCK_BYTES; at >= 0; at -= BLOCK_BYTES) {
          const { bytesRead } = await source.read(block, 0, BLOCK_BYTES, at);
          await target.write(block, 0, bytesRead, at);
          for (const statement of WRITES[blocks] ?? []) await writer.run(statement);
          blocks += 1;
        }
        await Promise.all([source.close(), target.close()]);
      },
    });
    for (let round = 0; round < 4; round += 1) {
      const copy = join(folder, `copy-${round}.duckdb`);
      const expected = await copier.copy(copy, async (session) => (await session.run(CONTENTS)).toString());
      const settings = { memoryBytes: 512 << 20, tempFolder: join(folder, 'temp'), tempBytesMax: 1 << 30 };
      const copied = await openReadOnly(copy, settings);
      const session = await Session.open(copied);
      assert.equal((await session.run(CONTENTS)).toString(), expected);
      session.close();
      copied.closeSync();
      assert.notEqual((await writer.run(CONTENTS)).toString(), expected, 'something was written meanwhile');
      await writer.run(insert(1_000));
      assert.ok((await stat(files.wal).catch(() => ({ size: 0 }))).size < BLOCK_BYTES, 'the engine folds again');
    }
    assert.equal(released, 4);
    writer.close();
    instance.closeSync();
  });
});

test('a copy that fails leaves no file, and checkpoints go on', async () => {
  await inFolder(async (folder) => {
    const files = filesOf(join(folder, 'store.duckdb'));
    const instance = await openInstance(files.main, { ...DUCKDB_DEFAULTS, checkpoint_threshold: '100KB' });
    const writer = await Session.open(instance);
    await writer.run('CREATE TABLE rows_ (n BIGINT, text VARCHAR)');
    const copyFile = async (_from: string, to: string) => {
      await (await open(to, 'w')).close();
      throw new Error('no space left');
    };
    const copier = new Copier({
      files,
      threshold: '100KB',
      inTurn: (work) => work(writer),
      onRelease: () => {},
      copyFile,
    });
    await assert.rejects(
      copier.copy(join(folder, 'copy.duckdb'), async () => {}),
      /no space left/,
    );
    assert.deepEqual(
      (await readdir(dirname(files.main))).filter((name) => name.startsWith('copy')),
      [],
    );
    await writer.run(insert(20_000));
    assert.ok((await stat(files.wal).catch(() => ({ size: 0 }))).size < BLOCK_BYTES);
    writer.close();
    instance.closeSync();
  });
});

test('units wait for a copy only once the write-ahead log is large', async () => {
  await inFolder(async (folder) => {
    const files = { ...filesOf(join(folder, 'store.duckdb')), wal: join(folder, 'the.wal') };
    const instance = await openInstance(files.main, DUCKDB_DEFAULTS);
    const writer = await Session.open(instance);
    const [begun, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const copyFile = async () => {
      begun.resolve();
      await held.promise;
    };
    const copier = new Copier({
      files,
      threshold: '100KB',
      inTurn: (work) => work(writer),
      onRelease: () => {},
      copyFile,
    });
    const walOf = async (bytes: number) => {
      const wal = await open(files.wal, 'w');
      await wal.truncate(bytes);
      await wal.close();
    };
    await walOf(300 << 20);
    await copier.admit();
    await walOf(0);
    const copied = copier.copy(join(folder, 'copy.duckdb'), async () => {});
    await begun.promise;
    await copier.admit();
    await walOf(300 << 20);
    let admitted = false;
    const admission = copier.admit().then(() => {
      admitted = true;
    });
    // As long as two looks at the log take.
    await stat(files.wal).then(() => stat(files.wal));
    assert.equal(admitted, false);
    held.resolve();
    await Promise.all([copied, admission]);
    writer.close();
    instance.closeSync();
  });
});
