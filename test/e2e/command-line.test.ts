import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { runAzud } from '../support/command.ts';
import { type System, startSystem } from '../support/system.ts';

test('a server that asks for a token: the command says how to give one', async () => {
  const config = {
    auth: { tokens: [{ name: 'reader', secret: 'a-secret-of-the-reader', scopes: ['query:*'] }] },
    datasets: { numbers: { schema: { type: 'object', properties: { n: { type: 'integer' } } } } },
  };
  const azud = await startSystem({ config });
  try {
    const words = ['rows', 'numbers', '--url', azud.url];
    const without = await runAzud(words, { folder: azud.folder });
    assert.equal(without.code, 1);
    assert.match(without.stderr, /--token-file/);
    const given = await runAzud(words, { folder: azud.folder, env: { AZUD_TOKEN: 'a-secret-of-the-reader' } });
    assert.equal(given.code, 0, given.stderr);
  } finally {
    await azud.stop();
  }
});

describe('the command line against a running system', () => {
  let azud: System;
  before(async () => {
    const schema = { type: 'object', properties: { n: { type: 'integer' } } };
    azud = await startSystem({ config: { datasets: { numbers: { schema } } } });
    const events = Array.from({ length: 9 }, (_, n) => ({ n }));
    assert.equal((await azud.post('/v1/events/numbers?wait=stored', JSON.stringify(events))).status, 200);
  });
  after(() => azud.stop());

  const run = (...words: string[]) => runAzud([...words, '--url', azud.url], { folder: azud.folder });

  test('azud rows: two conditions on one column both hold', async () => {
    const { code, stdout, stderr } = await run(
      ...['rows', 'numbers', '--where', 'n=gt.2', '--where', 'n=lte.5', '--order', 'n', '--json'],
    );
    assert.equal(code, 0, stderr);
    const { data } = JSON.parse(stdout) as { data: { n: number }[] };
    assert.deepEqual(
      data.map(({ n }) => n),
      [3, 4, 5],
    );
  });

  /** The words of a check of another schema for the same data, while the system runs. */
  async function checked(properties: object, ...words: string[]) {
    const file = join(azud.folder, 'changed.yaml');
    await writeFile(file, stringify({ datasets: { numbers: { schema: { type: 'object', properties } } } }));
    return runAzud(['check', '-c', file, '--data-dir', azud.dataDir, ...words], { folder: azud.folder });
  }

  test('azud check: a column more is well, one less or of another type is refused with the difference', async () => {
    assert.equal((await checked({ n: { type: 'integer' }, more: { type: 'string' } })).code, 0);
    const retyped = await checked({ n: { type: 'string' } });
    assert.equal(retyped.code, 2);
    assert.match(
      retyped.stdout,
      /^fail {2}dataset numbers .*column n would change from integer to string\. .*--allow-destructive/m,
    );
    const removed = await checked({ m: { type: 'integer' } }, '--json');
    assert.equal(removed.code, 2);
    assert.match(removed.stdout, /column n \(integer\) would be removed/);
  });

  test('azud check --allow-destructive: shows the difference, and does not call it wrong', async () => {
    const { code, stdout } = await checked({ n: { type: 'string' } }, '--allow-destructive');
    assert.equal(code, 0);
    assert.match(stdout, /^ok {4}dataset numbers .*column n would change from integer to string$/m);
  });
});

test('azud check --connect of a changed schema: refused unless it is allowed, and never carried out', async () => {
  const config = (type: string) =>
    stringify({ datasets: { numbers: { schema: { type: 'object', properties: { n: { type } } } } } });
  const azud = await startSystem({ config: config('integer') });
  try {
    await azud.terminate();
    await writeFile(join(azud.folder, 'changed.yaml'), config('string'));
    const words = ['check', '--connect', '-c', 'changed.yaml', '--data-dir', azud.dataDir];
    for (const [more, code] of [
      [[], 2],
      [['--allow-destructive'], 0],
      [[], 2],
    ] as const) {
      const ended = await runAzud([...words, ...more], { folder: azud.folder });
      assert.equal(ended.code, code, ended.stdout);
      assert.match(ended.stdout, /column n would change from integer to string/);
    }
  } finally {
    await azud.stop();
  }
});
