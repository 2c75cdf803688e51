import assert from 'node:assert/strict';
import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { runAzud } from '../../support/command.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { refusedStart, type System, withSystem } from '../../support/system.ts';

const HINT = 'Restore log and database from one backup, or let the database go on with this log: azud log adopt.';

/** Orders of these numbers, each a batch of its own, and in the database when it resolves. */
async function take(system: System, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n += 1) {
    const answer = await system.post('/v1/events/orders?wait=stored', JSON.stringify({ n }));
    assert.equal(answer.status, 200, await answer.text());
  }
}

async function numbersOf(system: System): Promise<number[]> {
  const { data } = (await (await system.get('/v1/datasets/orders/rows?limit=1000')).json()) as {
    data: { n: number }[];
  };
  return data.map(({ n }) => n).sort((a, b) => a - b);
}

/** The folder of the log is put back from an older copy than the database. */
export function olderLogCase(name: string, store: Readonly<Record<string, unknown>>): void {
  test(`${name}: a log older than its database is refused however far it has grown, until it is adopted`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'azud-older-'));
    const [dataDir, copy] = [join(folder, 'data'), join(folder, 'copy')];
    const config = { ...ORDERS_CONFIG, store };
    try {
      await withSystem({ config, dataDir }, async (system) => {
        await take(system, 1, 3);
        await cp(join(dataDir, 'log'), copy, { recursive: true, filter: (path) => !path.endsWith('socket') });
        await take(system, 4, 6);
      });
      await rm(join(dataDir, 'log'), { recursive: true });
      await rename(copy, join(dataDir, 'log'));
      const refuses = async () => {
        const { code, words } = await refusedStart({ config, dataDir });
        return { code, told: words.split('\n').filter((line) => line !== '' && !line.startsWith('{')) };
      };
      const ended = 'azud: the store has come to 6, but the log ends at 3';
      assert.deepEqual(await refuses(), { code: 74, told: [ended, HINT] });
      await writeFile(join(folder, 'azud.yaml'), stringify(config));
      const azud = (...words: string[]) => runAzud(['log', 'adopt', '--data-dir', dataDir, ...words], { folder });
      const other = { ...ORDERS_CONFIG, store: { kind: 'duckdb', path: 'other.duckdb' } };
      await withSystem({ config: other, dataDir }, async (system) => {
        // Another database makes the log grow.
        await take(system, 7, 16);
        const { code, stderr } = await azud('--confirm');
        assert.equal(code, 69);
        assert.match(stderr, /^azud: the log is locked by pid \d+/);
      });
      const reason =
        'the store has come to 6, but this log went another way after 3: it was put back from an older copy';
      assert.deepEqual(await refuses(), { code: 74, told: [`azud: ${reason}`, HINT] });
      const sums = [{ dataset: 'orders', to_load: 10, only_in_store: 3 }];
      for (const confirmed of [false, true]) {
        const { code, stdout, stderr } = await azud('--json', ...(confirmed ? ['--confirm'] : []));
        assert.equal(code, 0, stderr);
        const { adopted, adoption } = JSON.parse(stdout);
        assert.deepEqual([adopted, adoption.reason, adoption.datasets], [confirmed, reason, sums]);
      }
      assert.match((await azud()).stderr, /the database fits the log: there is nothing to adopt/);
      await withSystem({ config, dataDir }, async (system) => {
        await take(system, 17, 17);
        assert.deepEqual(
          await numbersOf(system),
          Array.from({ length: 17 }, (_, n) => n + 1),
        );
        const report = (await (await system.get('/v1/conservation')).json()) as Record<string, unknown>;
        const orders = { accepted: 17, stored: 17, duplicate: 0, dead: 0, in_flight: 0, balanced: true };
        assert.equal(report.balanced, true);
        assert.deepEqual(report.datasets, [
          { dataset: 'customers', ...orders, accepted: 0, stored: 0 },
          { dataset: 'orders', ...orders },
          { dataset: 'parcels', ...orders, accepted: 0, stored: 0 },
        ]);
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}
