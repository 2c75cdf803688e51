import assert from 'node:assert/strict';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Answer, type Client, clientOf, NDJSON, ndjson } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { type System, startSystem } from '../support/system.ts';

/** A database that is lost or damaged is read again from the log: readers see none of it until it is whole. */

const BATCHES = 400;
const ROWS = 200;
const COUNT = '/v1/endpoints/orders_by_customer?customer=c';
const READS = [COUNT, '/v1/datasets', '/v1/datasets/orders/rows?limit=1', '/v1/dead-letters', '/v1/conservation'];

let system: System;
let client: Client;
let main: string;
let total = BATCHES * ROWS;

before(async () => {
  system = await startSystem({ config: ORDERS_CONFIG });
  client = clientOf(system.url);
  main = join(system.dataDir, 'duckdb/azud.duckdb');
  const body = ndjson(Array.from({ length: ROWS }, (_, n) => ({ n, customer: 'c' })));
  for (let n = 0; n < BATCHES; n += 1) await client.post('/v1/events/orders', body, NDJSON);
  await eventually(async () => assert.equal((await client.get('/v1/datasets/orders')).json.rows, total));
});
after(() => system?.stop());

async function overwrite(): Promise<void> {
  const file = await open(main, 'r+');
  await file.write(Buffer.alloc(12_288, 0x5a), 0, 12_288, 0);
  await file.close();
}

/** Takes an event in, as one client does after another, whatever becomes of reads. */
async function takeIn(): Promise<void> {
  const { status, text } = await client.post('/v1/events/orders', { n: 1, customer: 'late' });
  assert.equal(status, 202, text);
  total += 1;
}

/** Answers how many rows were counted by the first who was answered; whoever came before was told why not. */
async function firstCount(): Promise<number> {
  return eventually(
    async () => {
      for (const path of READS.slice(1)) refused(await client.get(path));
      const counted = await client.get(COUNT);
      await takeIn();
      if (counted.status !== 200) throw new Error(`not answered: ${counted.text}`);
      return counted.json.data[0]?.orders ?? 0;
    },
    { timeoutMs: 90_000 },
  );
}

/** Unless it has been answered. */
function refused({ status, headers, text, json }: Answer): void {
  if (status === 200) return;
  assert.equal(status, 503, text);
  assert.equal(json.code, 'unavailable');
  assert.ok(Number(headers.get('retry-after')) >= 1, text);
}

const rebuilding = () =>
  eventually(
    async () => {
      const { status, json } = await client.get('/readyz');
      const reason = json.checks.find(({ name }: { name: string }) => name === 'store')?.reason;
      assert.match(reason ?? '', /^reading the log again: [\d,]+ of [\d,]+ batches \(\d+%\)$/);
      assert.equal(status, 503);
    },
    { timeoutMs: 90_000 },
  );

for (const [what, damage] of [
  ['removed', () => Promise.all([main, `${main}.wal`].map((file) => rm(file, { force: true })))],
  ['damaged', overwrite],
] as const) {
  test(`of a database that was ${what} nobody reads a part, also when its rebuilding is killed, and intake goes on`, async () => {
    await system.terminate();
    await damage();
    await system.spawn();
    await eventually(takeIn, { timeoutMs: 90_000 });
    await rebuilding();
    const { status, json } = await client.get(COUNT);
    assert.equal(status, 503);
    assert.match(json.detail, /^the store is being rebuilt: reading the log again/);
    await system.kill('analytics', 'SIGKILL');
    assert.equal(await firstCount(), BATCHES * ROWS);
    await eventually(async () => assert.equal((await client.get('/readyz')).status, 200));
    await eventually(async () => assert.equal((await client.get('/v1/datasets/orders')).json.rows, total));
    assert.equal((await client.get('/v1/conservation')).json.balanced, true);
  });
}

test('at an ordinary start with a backlog readers get what is stored', async () => {
  assert.match(system.logs, /reading the log again/);
  const said = system.logs.length;
  await system.kill('analytics', 'SIGSTOP');
  for (let n = 0; n < 50; n += 1) await takeIn();
  await system.kill('analytics', 'SIGKILL');
  await eventually(async () => assert.equal((await client.get('/v1/datasets/orders')).json.rows, total));
  assert.doesNotMatch(system.logs.slice(said), /reading the log again/);
});
