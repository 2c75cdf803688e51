import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { runAzud } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { refusedStart, withSystem } from '../support/system.ts';

for (const where of ['sealed segment', 'tail'] as const) {
  test(`a record damaged in the ${where}: named, skipped when confirmed, and its events are dead letters in sums that balance`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'azud-damaged-'));
    const dataDir = join(folder, 'data');
    await writeFile(join(folder, 'azud.yaml'), stringify(ORDERS_CONFIG));
    const azud = (...words: string[]) => runAzud(['log', 'skip', '--data-dir', dataDir, ...words], { folder });
    await withSystem({ config: ORDERS_CONFIG, dataDir }, async (system) => {
      for (let n = 1; n <= 3; n += 1) {
        assert.equal((await system.post('/v1/events/orders?wait=stored', `{"n":${n}}`)).status, 200);
      }
    });
    // Every opening begins a segment of its own.
    if (where === 'sealed segment') assert.match((await azud()).stderr, /the log is whole: there is nothing to skip/);
    const path = join(dataDir, 'log', '0000000000000001.seg');
    const bytes = await readFile(path);
    bytes[bytes.indexOf('{"n":2}') + 5] = 0x37;
    await writeFile(path, bytes);
    if (where === 'tail') {
      const { code, words } = await refusedStart({ config: ORDERS_CONFIG, dataDir });
      assert.equal(code, 74);
      assert.match(words, /0000000000000001\.seg is damaged at byte \d+.*\n.*azud log skip goes on behind it/);
    }
    const [look, done] = [await azud(), await azud('--json', '--confirm')];
    assert.equal(look.code, 0);
    assert.match(look.stdout, /0000000000000001\.seg +\d+ +\d+ +2 +1/);
    assert.match(look.stderr, /0000000000000001\.seg: events lost: 1 of orders\n.*nothing was changed/);
    const { skipped, damages } = JSON.parse(done.stdout);
    assert.deepEqual([skipped, damages.length, damages[0].lost], [true, 1, { orders: 1 }]);
    assert.ok((await readFile(damages[0].kept)).includes('{"n":7}'));
    // A new database reads the log from its beginning.
    const config = { ...ORDERS_CONFIG, store: { kind: 'duckdb', path: 'other.duckdb' } };
    await withSystem({ config, dataDir }, async (system) => {
      await eventually(async () => {
        const report = (await (await system.get('/v1/conservation')).json()) as { datasets: Record<string, unknown>[] };
        const orders = report.datasets.find(({ dataset }) => dataset === 'orders');
        const sums = { accepted: 3, stored: 2, duplicate: 0, dead: 1, in_flight: 0, balanced: true };
        assert.deepEqual(orders, { dataset: 'orders', ...sums });
      });
      const letters = await (await system.get('/v1/dead-letters')).text();
      assert.match(letters, /"code":"log_damaged"/);
    });
    assert.ok((await readdir(join(dataDir, 'log'))).some((name) => name.includes('.seg.damaged-')));
    await rm(folder, { recursive: true });
  });
}
