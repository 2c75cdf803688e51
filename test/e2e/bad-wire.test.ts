import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { type Client, clientOf, NDJSON } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { balanceOf } from '../support/load.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { RawConnection } from '../support/raw-http.ts';
import { type System, startSystem } from '../support/system.ts';

/** The rest of the bad-input catalogue: what only raw bytes can say, bombs, odd names, and what the logs hold of it. */
let system: System;
let client: Client;
let port: number;
let accepted = 0;

before(async () => {
  system = await startSystem({ config: ORDERS_CONFIG });
  client = clientOf(system.url);
  port = Number(new URL(system.url).port);
});
after(() => system.stop());

const ORDERS = '/v1/events/orders';
const JSON_HEAD = `POST ${ORDERS} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`;
const SMUGGLED = `POST /v1/events/parcels HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{"id":"smuggled"}`;

/** Everything that is said to these bytes until the connection closes. */
async function shout(bytes: string): Promise<string> {
  const connection = await RawConnection.open(port);
  connection.send(bytes);
  const answer = await connection.answer();
  await connection.end();
  return `${answer.status} ${answer.headers.get('connection')}`;
}

const SMUGGLING: Readonly<Record<string, string>> = {
  '47 length, then chunked': `${JSON_HEAD}Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  '47 chunked, then length': `${JSON_HEAD}Transfer-Encoding: chunked\r\nContent-Length: 7\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  '47 two different lengths': `${JSON_HEAD}Content-Length: 7\r\nContent-Length: 0\r\n\r\n{"n":1}${SMUGGLED}`,
  '47 two equal lengths': `${JSON_HEAD}Content-Length: 7\r\nContent-Length: 7\r\n\r\n{"n":1}`,
  '47 a negative length': `${JSON_HEAD}Content-Length: -1\r\n\r\n${SMUGGLED}`,
  '47 a length with a sign': `${JSON_HEAD}Content-Length: +7\r\n\r\n{"n":1}`,
  '47 a length in hex': `${JSON_HEAD}Content-Length: 0x7\r\n\r\n{"n":1}`,
  '47 chunked twice': `${JSON_HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  '47 another transfer encoding': `${JSON_HEAD}Transfer-Encoding: xchunked\r\n\r\n${SMUGGLED}`,
  '47 gzip, chunked': `${JSON_HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n7\r\n{"n":1}\r\n0\r\n\r\n`,
  '47 chunked in HTTP/1.0': `${JSON_HEAD.replace('1.1', '1.0')}Transfer-Encoding: chunked\r\n\r\n7\r\n{"n":1}\r\n0\r\n\r\n`,
  '47 two content types': `${JSON_HEAD}Content-Type: text/csv\r\nContent-Length: 7\r\n\r\n{"n":1}`,
  '47 two credentials': `${JSON_HEAD}Authorization: Bearer a\r\nAuthorization: Bearer b\r\nContent-Length: 7\r\n\r\n{"n":1}`,
  '47 a folded header': `${JSON_HEAD}X: a\r\n b\r\nContent-Length: 7\r\n\r\n{"n":1}`,
  '47 a bare LF in the head': `POST ${ORDERS} HTTP/1.1\nHost: a\nContent-Length: 7\n\n{"n":1}`,
  '47 a bare CR in a header': `${JSON_HEAD}X: a\rContent-Length: 0\r\nContent-Length: 7\r\n\r\n{"n":1}`,
  '47 a NUL in a header': `${JSON_HEAD}X: a\u0000b\r\nContent-Length: 7\r\n\r\n{"n":1}`,
  '47 a chunk size that is none': `${JSON_HEAD}Transfer-Encoding: chunked\r\n\r\n7x\r\n{"n":1}\r\n0\r\n\r\n`,
  '47 a chunk longer than it says': `${JSON_HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\n{"n":1}\r\n0\r\n\r\n${SMUGGLED}`,
  '47 a chunk size beyond numbers': `${JSON_HEAD}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{"n":1}\r\n`,
  '51 a method that is none': `FOO ${ORDERS} HTTP/1.1\r\nHost: a\r\n\r\n`,
  '51 CONNECT': 'CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere\r\n\r\n',
  '52 a version that is none': `GET / HTTP/9.9\r\nHost: a\r\n\r\n`,
  '52 HTTP/2.0': 'GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n',
  '52 HTTP/0.9': 'GET /healthz\r\n\r\n',
};

for (const [name, bytes] of Object.entries(SMUGGLING)) {
  test(`on the wire: ${name} is refused, and the connection closes`, async () => {
    assert.equal(await shout(bytes), '400 close');
    assert.equal((await client.post(ORDERS, { n: 0 })).status, 202);
    accepted += 1;
  });
}

test('on the wire: chunk extensions are passed over up to a bound', async () => {
  const connection = await RawConnection.open(port);
  const chunked = (extension: string) =>
    `${JSON_HEAD}Transfer-Encoding: chunked\r\n\r\n7${extension}\r\n{"n":1}\r\n0\r\n\r\n`;
  connection.send(chunked(';a=b'));
  assert.equal((await connection.answer()).status, 202);
  accepted += 1;
  connection.send(chunked(`;${'x'.repeat(20_000)}`));
  assert.equal((await connection.answer()).status, 413);
  await connection.end();
});

test('on the wire: 28 NDJSON in chunks of one byte keeps every character, and the next request its own', async () => {
  const lines = Buffer.from('{"n":1,"customer":"ñ😀\u2028"}\n{"n":2,"customer":"€"}\n');
  const chunks = [...lines].map((byte) =>
    Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]),
  );
  const head = `POST ${ORDERS}?wait=stored HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const connection = await RawConnection.open(port);
  connection.send(Buffer.concat([Buffer.from(head), ...chunks, Buffer.from('0\r\n\r\n')]));
  assert.equal((await connection.answer()).status, 200);
  connection.send(`${JSON_HEAD}Content-Length: 7\r\n\r\n{"n":3}`);
  assert.equal((await connection.answer()).status, 202);
  connection.cut();
  accepted += 3;
  const { json } = await client.get(`/v1/datasets/orders/rows?customer=eq.${encodeURIComponent('ñ😀\u2028')}`);
  assert.equal(json.data.length, 1);
});

interface Case {
  readonly name: string;
  readonly path?: string;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
  readonly status: number;
  readonly code: string;
}

const spaces = Buffer.alloc(200 * 1024 * 1024, 0x20);
const csv = { 'content-type': 'text/csv' };
const typed = (type: string) => ({ 'content-type': type });
const MEDIA = { status: 415, code: 'unsupported-media-type' };
const ENCODING = { status: 415, code: 'unsupported-encoding' };
const columns = Array.from({ length: 10_001 }, (_, at) => `c${at}`).join(',');
const xml = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>';

const REFUSED: readonly Case[] = [
  {
    name: '31 deflate bomb',
    body: deflateSync(spaces),
    headers: { 'content-encoding': 'deflate' },
    status: 413,
    code: 'inflated-too-large',
  },
  { name: '32 zstd', body: zstdCompressSync('{"n":1}'), headers: { 'content-encoding': 'zstd' }, ...ENCODING },
  { name: '32 an unknown encoding', body: '{"n":1}', headers: { 'content-encoding': 'x-own' }, ...ENCODING },
  { name: '33 10,001 CSV columns', body: `${columns}\n1\n`, headers: csv, status: 422, code: 'invalid-csv' },
  { name: '35 no Content-Type', body: '{"n":1}', headers: typed(''), ...MEDIA },
  { name: '57 a form', body: 'n=1', headers: typed('application/x-www-form-urlencoded'), ...MEDIA },
  { name: '57 XML with entities', body: xml, headers: typed('application/xml'), ...MEDIA },
  { name: '57 protobuf', body: '\u0008\u0001', headers: typed('application/protobuf'), ...MEDIA },
  {
    name: '39 year 275760',
    body: { n: 1, placed_at: '275760-09-13T00:00:00Z' },
    status: 422,
    code: 'schema-violation',
  },
  { name: '39 year -1', body: { n: 1, placed_at: '-0001-01-01T00:00:00Z' }, status: 422, code: 'schema-violation' },
  {
    name: '39 nanoseconds',
    body: { n: 1, placed_at: 1_700_000_000_000_000_000n.toString() },
    status: 422,
    code: 'schema-violation',
  },
  { name: '40 ../x', path: '/v1/events/..%2Fx', body: { n: 1 }, status: 404, code: 'dataset-not-found' },
  {
    name: '40 1 KB of name',
    path: `/v1/events/${'x'.repeat(1_024)}`,
    body: { n: 1 },
    status: 404,
    code: 'dataset-not-found',
  },
  {
    name: '40 a homoglyph',
    path: `/v1/events/${encodeURIComponent('оrders')}`,
    body: { n: 1 },
    status: 404,
    code: 'dataset-not-found',
  },
  { name: '42 an object for an integer', body: { n: { a: 1 } }, status: 422, code: 'schema-violation' },
];

for (const { name, path = ORDERS, body, headers, status, code } of REFUSED) {
  test(`refused: ${name}`, async () => {
    const answer = await client.post(path, body, headers);
    assert.deepEqual([answer.status, answer.json.code], [status, code], answer.text.slice(0, 500));
  });
}

test('taken: 41 names that SQL has a use for are data', async () => {
  const body = '{"n":77,"select":1,"a\\"b":2,"rowid":3,"; DROP TABLE orders; --":4}';
  assert.equal((await client.post(`${ORDERS}?wait=stored`, body)).status, 200);
  accepted += 1;
  const { json } = await client.get('/v1/datasets/orders/rows?n=eq.77');
  assert.deepEqual(json.data[0]._extra, { select: 1, 'a"b': 2, rowid: 3, '; DROP TABLE orders; --': 4 });
});

test('taken: 33 a ragged CSV row is a dead letter, the others are stored', async () => {
  const answer = await client.post(ORDERS, 'n,customer\n1,a\n2\n3,c\n', csv);
  assert.deepEqual([answer.status, answer.json.accepted, answer.json.rejected], [202, 2, 1]);
  accepted += 3;
});

const READS: readonly (readonly [path: string, status: number, code: string])[] = [
  ['/v1/endpoints/orders_by_customer?customer[]=a', 400, 'invalid-parameter'],
  ['/v1/endpoints/orders_by_customer?customer=a&limit=true', 400, 'invalid-parameter'],
  ['/v1/endpoints/orders_by_customer?customer=a&limit=1e309', 400, 'invalid-parameter'],
  [`/v1/endpoints/orders_by_customer?customer=${'x'.repeat(9_000)}`, 400, 'invalid-parameter'],
  [`/v1/endpoints/orders_by_customer?customer=${'x'.repeat(13_000)}`, 414, 'uri-too-long'],
  ['/v1/datasets/orders/rows?placed_at=eq.2026-02-30', 400, 'invalid-parameter'],
  ['/v1/datasets/orders/rows?placed_at=eq.now()', 400, 'invalid-parameter'],
  ['/v1/datasets/orders/rows?offset=1000000000000', 400, 'invalid-parameter'],
  ['/v1/datasets/orders/rows?order=n;drop', 400, 'invalid-parameter'],
  ['/v1/datasets/orders/rows?format=parquet;../../x', 400, 'invalid-parameter'],
  ['/v1/datasets/..%2f..%2fetc', 404, 'dataset-not-found'],
  [`/v1/datasets/${'x'.repeat(150)}`, 404, 'dataset-not-found'],
  [`/v1/datasets/${'x'.repeat(9_000)}`, 414, 'uri-too-long'],
];

for (const [path, status, code] of READS) {
  test(`read: ${path.slice(0, 80)}`, async () => {
    const answer = await client.get(path);
    assert.deepEqual([answer.status, answer.json.code], [status, code], answer.text);
  });
}

test('read: 60 a value is a value, whatever it says', async () => {
  for (const value of ["1' OR '1'='1", "'; DROP TABLE orders; --", '$customer', '{{x}}', '%', '\\', '\u0000']) {
    const path = `/v1/endpoints/orders_by_customer?customer=${encodeURIComponent(value)}`;
    const { status, json } = await client.get(path);
    assert.deepEqual([status, json.data], [200, []], value);
  }
});

test('31 a bomb costs intake no memory', async () => {
  const [intake] = (await system.children()).filter(({ role }) => role === 'intake');
  const peak = async () => Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${intake?.pid}/status`, 'utf8'))?.[1]);
  const bomb = gzipSync(spaces);
  const begun = await peak();
  for (let n = 0; n < 10; n += 1) {
    const answer = await client.post(ORDERS, bomb, { ...NDJSON, 'content-encoding': 'gzip' });
    assert.equal(answer.status, 413);
  }
  // What may be inflated is 20 MiB; a tenth of one bomb would be more.
  assert.ok((await peak()) - begun < 60_000, `${begun} → ${await peak()} kB`);
});

test('56 what a client sends stands in no log, and no line is broken by it', async () => {
  const evil = '\u001b[31mred\u001b[0m secret-of-a-client';
  await client.post(ORDERS, `{"secret-of-a-client`, {
    'user-agent': 'x'.repeat(10_000),
    'x-evil': Buffer.from(evil).toString('base64'),
  });
  await client.get(`/v1/${encodeURIComponent('secret-of-a-client')}`, { authorization: 'Bearer secret-of-a-client' });
  for (const line of system.logs.split('\n').filter((each) => each.startsWith('{'))) {
    assert.ok(JSON.parse(line) && Buffer.byteLength(line) < 4_096);
  }
  assert.ok(!system.logs.includes('secret-of-a-client') && !system.logs.includes('\u001b[31m'));
});

test('78 a script in a name or an answer is text, and the pages run none of a stranger', async () => {
  const page = await client.get('/docs');
  const policy = page.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  const problem = await client.get(`/problems/${encodeURIComponent('<script>alert(1)</script>')}`);
  assert.equal(problem.headers.get('content-type'), 'application/problem+json');
  assert.equal(problem.headers.get('x-content-type-options'), 'nosniff');
});

test('after all of it nothing was smuggled in, and what is stored is what was accepted', async () => {
  await eventually(async () => {
    const orders = await balanceOf(client, 'orders');
    assert.deepEqual([orders.accepted, orders.stored, orders.dead, orders.balanced], [accepted, accepted - 1, 1, true]);
    assert.equal((await balanceOf(client, 'parcels')).accepted, 0);
  });
});
