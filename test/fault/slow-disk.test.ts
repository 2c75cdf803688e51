import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { startAzud } from '../../src/app/start.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Io } from '../../src/lib/io.ts';
import { nodeIo } from '../../src/lib/node-io.ts';
import { HTTP_LIMITS } from '../../src/limits.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { clientOf, NDJSON, ndjson } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { balanceOf } from '../support/load.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';

const BATCH_EVENTS = 8_000;
/** Such that a batch is a little under 5 MiB, the most that one request may bring. */
const BATCH = ndjson(Array.from({ length: BATCH_EVENTS }, (_, n) => ({ n, customer: 'x'.repeat(600) })));
const BATCHES = Math.ceil(HTTP_LIMITS.pendingBytesMax / BATCH.length) + 3;

/** The real disk, whose syncs wait for the gate. */
function gatedIo(gate: () => Promise<void>): Io {
  return {
    ...nodeIo,
    open: async (path, mode) => {
      const file = await nodeIo.open(path, mode);
      return {
        write: (buffers, position) => file.write(buffers, position),
        read: (buffer, position) => file.read(buffer, position),
        sync: () => gate().then(() => file.sync()),
        truncate: (bytes) => file.truncate(bytes),
        size: () => file.size(),
        close: () => file.close(),
      };
    },
  };
}

test('a sync that hangs: nothing is acknowledged meanwhile, what waits is bounded by 503, and then everything is answered', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'azud-slow-'));
  const path = join(folder, 'azud.yaml');
  const config = { ...ORDERS_CONFIG, server: { port: 0 }, data_dir: './data', store: { kind: 'memory' } };
  await writeFile(path, stringify(config));
  const hung = Promise.withResolvers<void>();
  let gate: Promise<void> = Promise.resolve();
  const azud = await startAzud(await loadConfig({ path, env: {} }), { log: silentLog, io: gatedIo(() => gate) });
  try {
    const client = clientOf(azud.url);
    gate = hung.promise;
    const answered: number[] = [];
    const batches = Array.from({ length: BATCHES }, async () => {
      const answer = await client.post('/v1/events/orders', BATCH, NDJSON);
      answered.push(answer.status);
      return answer;
    });
    await eventually(() => assert.ok(answered.includes(503)));
    const refusal = await client.post('/v1/events/orders', BATCH, NDJSON);
    assert.deepEqual([refusal.status, refusal.json.code], [503, 'overloaded']);
    assert.ok(Number(refusal.headers.get('retry-after')) >= 1);
    assert.ok(!answered.includes(202), 'nothing is acknowledged before its sync');
    hung.resolve();
    const taken = (await Promise.all(batches)).filter(({ status }) => status === 202).length;
    assert.ok(taken >= BATCHES - 5, `${taken} of ${BATCHES}`);
    await eventually(async () => {
      const { stored, balanced } = await balanceOf(client, 'orders');
      assert.deepEqual([stored, balanced], [taken * BATCH_EVENTS, true]);
    });
  } finally {
    hung.resolve();
    await azud.close();
    await rm(folder, { recursive: true });
  }
});
