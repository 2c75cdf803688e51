import assert from 'node:assert/strict';
import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { refusedStart, type System, startSystem } from '../support/system.ts';

/** The folder of the log is put back from an older copy than the database beside it. */

/** Orders of these numbers, each a batch of its own, and in the database when it resolves. */
async function store(system: System, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n += 1) {
    const answer = await system.post('/v1/events/orders?wait=stored', JSON.stringify({ n }));
    assert.equal(answer.status, 200, await answer.text());
  }
}

test('a log older than its database is refused, and still is when it has grown past it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'azud-older-'));
  const [dataDir, copy] = [join(folder, 'data'), join(folder, 'copy')];
  const system = await startSystem({ config: ORDERS_CONFIG, dataDir });
  try {
    await store(system, 1, 3);
    await cp(join(dataDir, 'log'), copy, { recursive: true, filter: (path) => !path.endsWith('socket') });
    await store(system, 4, 6);
  } finally {
    await system.stop();
  }
  await rm(join(dataDir, 'log'), { recursive: true });
  await rename(copy, join(dataDir, 'log'));
  const refuses = async () => {
    const { code, words } = await refusedStart({ config: ORDERS_CONFIG, dataDir });
    return { code, told: words.split('\n').filter((line) => line !== '' && !line.startsWith('{')) };
  };
  const hint = 'The data directory was mixed from two backups: restore both from one.';
  assert.deepEqual(await refuses(), {
    code: 74,
    told: ['azud: the store has come to 6, but the log ends at 3', hint],
  });
  // Another database makes it grow.
  const other = { ...ORDERS_CONFIG, store: { kind: 'duckdb', path: 'other.duckdb' } };
  const meanwhile = await startSystem({ config: other, dataDir });
  try {
    await store(meanwhile, 7, 16);
  } finally {
    await meanwhile.stop();
  }
  assert.deepEqual(await refuses(), {
    code: 74,
    told: [
      'azud: the store has come to 6, but this log went another way after 3: it was put back from an older copy',
      hint,
    ],
  });
  await rm(folder, { recursive: true });
});
