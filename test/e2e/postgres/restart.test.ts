import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import { clientOf } from '../../support/client.ts';
import { eventually } from '../../support/eventually.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { Cluster, POSTGRES_URL } from '../../support/postgres.ts';
import { type System, startSystem } from '../../support/system.ts';

let cluster: Cluster;
let system: System;

before(async () => {
  cluster = await Cluster.start();
  system = await startSystem({ config: { ...ORDERS_CONFIG, store: { kind: 'postgres', url: cluster.url } } });
});
after(async () => {
  await system?.stop();
  await cluster?.remove();
});

test('intake goes on while PostgreSQL is away, and every event is stored once when it is back', async () => {
  const client = clientOf(system.url);
  let sent = 0;
  const send = async (count: number) => {
    for (let n = 0; n < count; n += 1) {
      const answer = await client.post('/v1/events/parcels', { id: `p${sent}`, n: sent });
      assert.equal(answer.status, 202, answer.text);
      sent += 1;
    }
  };
  for (let round = 0; round < 3; round += 1) {
    await send(100);
    await cluster.down('immediate');
    await send(100);
    assert.equal((await client.get('/v1/datasets/parcels/rows')).status, 503);
    await cluster.up();
    // The same events once more, as a client would that never saw its answers.
    sent -= 50;
    await send(50);
  }
  await eventually(
    async () => {
      const { json } = await client.get('/v1/conservation');
      const parcels = json.datasets.find((each: { dataset: string }) => each.dataset === 'parcels');
      assert.deepEqual(parcels, {
        dataset: 'parcels',
        accepted: 750,
        stored: 600,
        duplicate: 150,
        dead: 0,
        in_flight: 0,
        balanced: true,
      });
    },
    { timeoutMs: 60_000 },
  );
  assert.equal((await client.get('/v1/datasets/parcels')).json.rows, 600);
  assert.equal((await client.get('/readyz')).status, 200);
});

test('azud check --connect says in one line which server, as whom, and what to do', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'azud-check-'));
  const main = join(import.meta.dirname, '../../../src/main.ts');
  const check = async (store: Record<string, unknown>) => {
    const file = join(folder, 'azud.yaml');
    await writeFile(
      file,
      stringify({ ...ORDERS_CONFIG, data_dir: join(folder, 'data'), store: { kind: 'postgres', ...store } }),
    );
    const { status, stdout } = spawnSync(process.execPath, [main, 'check', '--connect', '--config', file], {
      encoding: 'utf8',
    });
    return { status, last: stdout.trimEnd().split('\n').at(-1) ?? '' };
  };
  const away = await check({ port: 1 });
  assert.match(away.last, /^fail .*postgres postgres@127\.0\.0\.1:1\/postgres: .*ECONNREFUSED.*Check store\.host/);
  assert.equal(away.status, 69);
  const unknown = await check({ url: POSTGRES_URL, user: 'azud_nobody' });
  assert.match(unknown.last, /^fail .*azud_nobody@.*does not exist.*Check store\.user/);
  assert.equal(unknown.status, 69);
  await rm(folder, { recursive: true });
});
