import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { EXAMPLES, startExample } from '../support/examples.ts';
import type { System } from '../support/system.ts';

describe('the clients example, by configuration alone', () => {
  let system: System;
  before(async () => {
    system = await startExample('clients');
  });
  after(() => system.stop());

  test('takes a message in with a transaction_id, and gives it back by any of its ids', async () => {
    const answer = await system.post('/ingresar-datos', '{"id":"m-1","client_id":1,"text":"hola","más":[1]}');
    assert.equal(answer.status, 202);
    const { transaction_id } = (await answer.json()) as { transaction_id: string };
    await eventually(async () => {
      const found = await system.get('/data/m-1');
      assert.equal(found.status, 200);
      const row = (await found.json()) as Record<string, unknown>;
      assert.equal(row.text, 'hola');
      assert.equal(row._transaction_id, transaction_id);
    });
    assert.equal((await system.get(`/data/${transaction_id}`)).status, 200);
    assert.equal((await system.get('/data/nobody')).status, 404);
  });

  test('looks clients up: 200, 400 without the parameter or with a bad one, 404 for nobody', async () => {
    const [first = ''] = readFileSync(join(EXAMPLES, 'clients/clients.ndjson'), 'utf8').split('\n');
    assert.equal((await system.post('/v1/events/clients', first)).status, 202);
    await eventually(async () => {
      const found = await system.get('/getClient?client_id=1');
      assert.equal(found.status, 200);
      assert.deepEqual(await found.json(), JSON.parse(first));
    });
    assert.equal((await system.get('/getClient')).status, 400);
    assert.equal((await system.get('/getClient?client_id=x')).status, 400);
    assert.equal((await system.get('/getClient?client_id=999')).status, 404);
    assert.equal((await system.get('/healthcheck')).status, 200);
  });

  test('keeps the latest of a client', async () => {
    const client = { id: 7, nombre: 'Ana', apellido: 'Díaz', rut: '11111111-1', correo: 'ana@example.com' };
    for (const nombre of ['Ana', 'Anaís']) {
      assert.equal((await system.post('/v1/events/clients', JSON.stringify({ ...client, nombre }))).status, 202);
    }
    await eventually(async () => {
      const found = (await (await system.get('/getClient?client_id=7')).json()) as { nombre: string };
      assert.equal(found.nombre, 'Anaís');
    });
  });
});

describe('every example', () => {
  for (const file of readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' }).filter((it) =>
    /azud\.yaml$/.test(it),
  )) {
    test(`${dirname(file)} has a README that names its calls`, () => {
      assert.match(readFileSync(join(EXAMPLES, dirname(file), 'README.md'), 'utf8'), /curl/);
    });
  }
});
