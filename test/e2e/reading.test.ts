import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Client, clientOf, NDJSON, ndjson } from '../support/client.ts';
import { type System, startSystem } from '../support/system.ts';

const LINES = 6_000;

describe('reading as any HTTP client does', () => {
  let system: System;
  let client: Client;
  before(async () => {
    const schema = { type: 'object', properties: { n: { type: 'integer' }, pad: { type: 'string' } } };
    system = await startSystem({
      config: {
        datasets: {
          numbers: { event_id: '/n', schema },
          few: { schema },
          named: { mode: 'upsert', key: '/pad', schema },
        },
        endpoints: { total: { sql: 'SELECT count(*) AS total FROM numbers' } },
      },
    });
    client = clientOf(system.url);
    const lines = ndjson(Array.from({ length: LINES }, (_, n) => ({ n, pad: 'x'.repeat(40) })));
    assert.equal((await client.post('/v1/events/numbers?wait=stored', lines, NDJSON)).json.state, 'stored');
  });
  after(() => system.stop());

  const TAGGED = [
    '/v1/datasets',
    '/v1/datasets/few',
    '/v1/datasets/numbers/rows?limit=10&order=n',
    '/v1/datasets/numbers/rows?limit=10&order=n&format=csv',
    '/v1/datasets/numbers/rows/17',
    '/v1/endpoints/total',
  ];
  for (const path of TAGGED) {
    test(`${path} has a tag, and is not sent again to whoever has it`, async () => {
      const first = await client.get(path);
      const etag = first.headers.get('etag') ?? '';
      assert.match(etag, /^"[\w-]{20,}"$/);
      assert.equal(first.headers.get('cache-control'), 'private, no-cache');
      assert.equal(first.headers.get('content-length'), String(Buffer.byteLength(first.text)));
      const again = await client.get(path, { 'if-none-match': etag });
      assert.deepEqual([again.status, again.text], [304, '']);
    });
  }

  test('the document tells of the tag wherever there is one', async () => {
    const { paths } = (await client.get('/openapi.json')).json;
    for (const path of TAGGED) {
      const [bare = ''] = path.split('?');
      const documented = bare
        .replace('/datasets/numbers', '/datasets/{dataset}')
        .replace('/datasets/few', '/datasets/{dataset}');
      const { responses, parameters } = paths[documented.replace(/17$/, '{id}')].get;
      assert.ok(responses[304], path);
      assert.ok(
        parameters.some(({ name }: { name: string }) => name === 'If-None-Match'),
        path,
      );
    }
  });

  test('an answer that is not small is streamed, whole and without a tag', async () => {
    const { headers, json } = await client.get(`/v1/datasets/numbers/rows?limit=${LINES}&order=n`);
    assert.deepEqual([headers.get('etag'), headers.get('cache-control')], [null, 'no-store']);
    assert.deepEqual(
      json.data.map(({ n }: { n: number }) => n),
      Array.from({ length: LINES }, (_, n) => n),
    );
  });

  for (const path of [...TAGGED, `/v1/datasets/numbers/rows?limit=${LINES}`, '/v1/conservation', '/v1/dead-letters']) {
    test(`HEAD ${path} says what GET would, without a body`, async () => {
      const get = await client.get(path);
      const head = await system.get(path, { method: 'HEAD' });
      assert.deepEqual([head.status, await head.text()], [200, '']);
      for (const name of ['content-type', 'etag', 'content-length'])
        assert.equal(head.headers.get(name), get.headers.get(name), name);
    });
  }

  test('a row is found by a key as long as a filter may be', async () => {
    const pad = 'ñ/'.repeat(1_000);
    assert.equal((await client.post('/v1/events/named?wait=stored', { n: 7, pad })).json.state, 'stored');
    assert.equal((await client.get(`/v1/datasets/named/rows/${encodeURIComponent(pad)}`)).json.n, 7);
  });

  test('a HEAD that fails says so', async () => {
    const missing = await system.get('/v1/datasets/numbers/rows/none', { method: 'HEAD' });
    assert.deepEqual([missing.status, await missing.text()], [404, '']);
  });

  test('datasets come in every format', async () => {
    const csv = (await client.get('/v1/datasets?format=csv')).text.split('\r\n');
    assert.equal(csv[0], 'dataset,mode,rows,first,last,bytes,lag');
    assert.match(csv[1] ?? '', new RegExp(`^numbers,append,${LINES},20`));
    const lines = (await client.get('/v1/datasets', { accept: 'application/x-ndjson' })).text.trim().split('\n');
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { dataset: string }).dataset),
      ['numbers', 'few', 'named'],
    );
    const { json } = await client.get('/v1/datasets/few');
    assert.deepEqual([json.schema.type, json.columns[0].name, json.first], ['object', 'n', null]);
    assert.equal(
      (await system.get('/v1/datasets/few?format=parquet')).headers.get('content-type'),
      'application/vnd.apache.parquet',
    );
    assert.equal((await client.get('/v1/datasets', { accept: 'text/html' })).status, 406);
  });

  for (const path of [
    '/v1/datasets?limit=1',
    '/v1/datasets/few?limit=1',
    '/v1/datasets/numbers/rows/17?select=n',
    '/v1/conservation?dataset=few',
    '/v1/dead-letters/019a0000-0000-7000-8000-000000000000?full=1',
    '/v1/transactions/019a0000-0000-7000-8000-000000000000?wait=stored',
  ]) {
    test(`${path}: a parameter that means nothing here is named, not passed over`, async () => {
      const { status, json } = await client.get(path);
      assert.deepEqual([status, json.code], [400, 'invalid-parameter']);
      const name = /\?(\w+)=/.exec(path)?.[1];
      assert.match(json.detail, new RegExp(`^"${name}" is not a parameter here`));
    });
  }

  test('control requests take JSON that says it is JSON', async () => {
    const body = '{"filter":{"dataset":"few"},"dry_run":true}';
    const path = '/v1/dead-letters/replay';
    assert.equal((await client.post(path, body, { 'content-type': 'application/json' })).status, 200);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      const { status, json } = await client.post(path, body, { 'content-type': type });
      assert.deepEqual([status, json.code], [415, 'unsupported-media-type']);
    }
    const empty = await client.post(path, '', { 'content-type': 'application/json' });
    assert.deepEqual([empty.status, empty.json.code], [400, 'empty-body']);
  });

  test('a code is found in both spellings, that of problems and that of rows', async () => {
    const answer = await client.post('/v1/events/few?wait=stored', [{ n: 1 }, { n: 'x' }]);
    assert.equal(answer.json.state, 'partial');
    for (const code of ['schema_violation', 'schema-violation']) {
      assert.equal((await client.get(`/v1/dead-letters?code=${code}`)).json.data.length, 1);
      assert.equal((await client.get(`/problems/${code}`)).json.code, 'schema-violation');
    }
  });
});
