import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type Client, ndjson } from '../../support/client.ts';
import { eventually } from '../../support/eventually.ts';
import type { SystemOptions } from '../../support/system.ts';
import { type Running, runningSystem } from './calls.ts';

async function countsOf(client: Client, dataset: string): Promise<Record<string, unknown>> {
  const { json } = await client.get('/v1/conservation');
  return json.datasets.find((each: { dataset: string }) => each.dataset === dataset);
}

/** `azud send` as a user runs it. Resolves with its exit code. */
function send(url: string, file: string): Promise<{ code: number | null; output: string }> {
  const main = join(import.meta.dirname, '../../../src/main.ts');
  const child = spawn(process.execPath, [main, 'send', 'orders', file, '--url', url], {
    env: { ...process.env, XDG_STATE_HOME: dirname(file) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  return new Promise((resolve) => child.on('exit', (code) => resolve({ code, output })));
}

/** Retries, restarts and kills: every event is stored once, whatever the store and the broker. */
export function exactlyOnceCases(config: SystemOptions['config']): void {
  const running = runningSystem(config);
  repeatCases(running);
  killCases(running);
}

function repeatCases(running: () => Running): void {
  test('the same request with the same Idempotency-Key, 200 times at once and after a restart, is stored once', async () => {
    const { client, system } = running();
    const key = { 'idempotency-key': 'order-17' };
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => client.post('/v1/events/orders', { n: 17 }, key)),
    );
    assert.ok(answers.every(({ status }) => status === 202));
    const ids = new Set(answers.map(({ json }) => json.transaction_id));
    assert.equal(ids.size, 1);
    await system.restart();
    const again = await client.post('/v1/events/orders?wait=stored', { n: 17 }, key);
    assert.ok(ids.has(again.json.transaction_id));
    assert.equal((await client.get('/v1/datasets/orders')).json.rows, 1);
    // The transaction was stored long before, so the wait ends at once; its last repetition may still be on its way.
    await eventually(async () =>
      assert.deepEqual(await countsOf(client, 'orders'), {
        dataset: 'orders',
        accepted: 201,
        stored: 1,
        duplicate: 200,
        dead: 0,
        in_flight: 0,
        balanced: true,
      }),
    );
  });

  test('client ids make a regrouped retry harmless', async () => {
    const { client } = running();
    const parcels = Array.from({ length: 100 }, (_, n) => ({ id: `p-${n}`, n }));
    const headers = { 'content-type': 'application/x-ndjson' };
    await client.post('/v1/events/parcels', ndjson(parcels), headers);
    await client.post('/v1/events/parcels', ndjson(parcels.slice(50)), headers);
    const last = await client.post('/v1/events/parcels?wait=stored', parcels.slice(0, 60));
    assert.equal(last.json.counts.duplicate, 60);
    assert.equal((await client.get('/v1/datasets/parcels')).json.rows, 100);
  });
}

function killCases(running: () => Running): void {
  for (const role of ['intake', 'analytics'] as const) {
    test(`kill -9 of ${role} in the middle of azud send, then send again: every event once, none missing`, async () => {
      const { client, system } = running();
      const folder = await mkdtemp(join(tmpdir(), 'azud-once-'));
      const before = (await countsOf(client, 'orders')).stored as number;
      const total = 60_000;
      const file = join(folder, `${role}.ndjson`);
      await writeFile(file, ndjson(Array.from({ length: total }, (_, n) => ({ n, customer: `killed-${role}` }))));
      const sending = send(system.url, file);
      await eventually(async () => {
        const count = await countsOf(client, 'orders').catch(() => null);
        assert.ok(count && (count.accepted as number) > 201 + before);
      });
      await system.kill(role, 'SIGKILL');
      const first = await sending;
      assert.equal(first.code, 0, first.output);
      const second = await send(system.url, file);
      assert.equal(second.code, 0, second.output);
      await eventually(async () => {
        const counts = await countsOf(client, 'orders');
        assert.equal(counts.balanced, true);
        assert.equal(counts.in_flight, 0);
        assert.equal(counts.stored, before + total);
      });
      const rows = await client.get(`/v1/endpoints/orders_by_customer?customer=killed-${role}`);
      assert.equal(rows.json.data[0].orders, total);
      await rm(folder, { recursive: true });
    });
  }
}
