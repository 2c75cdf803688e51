import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DuckDBInstance } from '@duckdb/node-api';
import { DUCKDB_DEFAULTS } from './config.ts';
import { inFolder } from './fixtures.ts';
import { openInstance, Session } from './session.ts';

const withSession = (body: (session: Session, instance: DuckDBInstance) => Promise<void>) =>
  inFolder(async (folder) => {
    const instance = await openInstance(join(folder, 'rows.duckdb'), DUCKDB_DEFAULTS);
    const session = await Session.open(instance);
    try {
      await body(session, instance);
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

test('a page in falling order is whole while rows are appended', async () => {
  await withSession(async (session, instance) => {
    await session.run('CREATE TABLE numbers (n BIGINT, kind BIGINT)');
    let written = 0;
    let going = true;
    const write = async () => {
      for (let unit = 1; unit <= 600 && going; unit += 1) {
        await session.run(`INSERT INTO numbers SELECT range, 9 FROM range(${written + 1}, ${written + 201})`);
        written += 200;
        // After it the next unit begins a row group.
        if (unit % 5 === 0) await session.checkpoint({ merge: true });
      }
      going = false;
    };
    const lastOf = async (reader: Session) => {
      const [row] = await reader.run('SELECT n FROM numbers WHERE kind = 9 ORDER BY n DESC LIMIT 1');
      return Number(row?.[0] ?? 0);
    };
    const missed: string[] = [];
    const read = async () => {
      const reader = await Session.open(instance);
      while (going) {
        const least = written;
        const last = await reader.transaction(() => lastOf(reader));
        if (last < least) missed.push(`${last} after ${least}`);
      }
      reader.close();
    };
    await Promise.all([write(), read(), read(), read()]);
    assert.deepEqual(missed, []);
  });
});
