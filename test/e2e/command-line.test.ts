import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
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
});
