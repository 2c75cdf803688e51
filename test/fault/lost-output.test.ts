import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { startSystem } from '../support/system.ts';

test('a system whose output can be written nowhere starts, takes in, and ends well', async () => {
  const nowhere = ['sh', '-c', 'exec "$@" >/dev/full 2>&1', 'sh'];
  const azud = await startSystem({ config: ORDERS_CONFIG, launcher: nowhere });
  try {
    const answer = await azud.post('/v1/events/orders?wait=stored', '{"n":1}');
    assert.equal(answer.status, 200, await answer.text());
    assert.equal(await azud.terminate(), 0);
  } finally {
    await azud.stop();
  }
});

test('data that cannot be written make the exit code 74, without a stack', async () => {
  const main = resolve(import.meta.dirname, '../../src/main.ts');
  const command = `'${process.execPath}' '${main}' --help`;
  const run = (sink: string) =>
    new Promise<readonly [number | string | null | undefined, string]>((done) => {
      execFile('bash', ['-c', `${command} ${sink}`], (error, _stdout, stderr) => done([error?.code ?? 0, stderr]));
    });
  assert.deepEqual(await run('>/dev/full'), [
    74,
    'azud: standard output cannot be written: ENOSPC: no space left on device, write\n',
  ]);
  assert.deepEqual(await run('| true; exit $PIPESTATUS'), [0, '']);
});
