import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { DUCKDB_DEFAULTS } from './config.ts';
import { inFolder } from './fixtures.ts';
import { openInstance, Session } from './session.ts';

const withSession = (body: (session: Session) => Promise<void>) =>
  inFolder(async (folder) => {
    const instance = await openInstance(join(folder, 'rows.duckdb'), DUCKDB_DEFAULTS);
    const session = await Session.open(instance);
    try {
      await body(session);
    } finally {
      session.close();
      instance.closeSync();
    }
  });

test('a checkpoint leaves half-filled row groups as they are, or puts them together', async () => {
  await withSession(async (session) => {
    const append = async (merge: boolean) => {
      await session.run('INSERT INTO numbers SELECT range FROM range(30000)');
      await session.checkpoint({ merge });
      const [row] = await session.run(`SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('numbers')`);
      return Number(row?.[0]);
    };
    await session.run('CREATE TABLE numbers (n BIGINT)');
    assert.deepEqual([await append(false), await append(false), await append(false)], [1, 2, 3]);
    assert.equal(await append(true), 1);
    assert.deepEqual(await session.run('SELECT count(*), sum(n) FROM numbers'), [[120_000n, 4n * 449_985_000n]]);
  });
});

test('no setting but that of a checkpoint can be changed once the instance is open', async () => {
  await withSession(async (session) => {
    for (const setting of ['threads = 2', `allowed_configs = ['threads']`, 'enable_external_access = true']) {
      await assert.rejects(session.run(`SET ${setting}`), /locked|Cannot/, setting);
    }
  });
});
