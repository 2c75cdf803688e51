import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { type Client, clientOf, NDJSON, ndjson } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { rawRequest } from '../support/raw-http.ts';
import { type System, startSystem } from '../support/system.ts';

/**
 * The bad-input catalogue against a running system. After every row the next good request on the server must pass, and
 * at the end what is stored is exactly what was answered 2xx.
 */
let system: System;
let client: Client;
let accepted = 0;

before(async () => {
  system = await startSystem({ config: ORDERS_CONFIG });
  client = clientOf(system.url);
});
after(() => system.stop());

interface Case {
  readonly name: string;
  readonly path?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly status: number;
  readonly code?: string;
}

const ORDERS = '/v1/events/orders';
const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));
const nested = (depth: number) => `{"n":1,"details":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`;
const many = (count: number) => ndjson(Array.from({ length: count }, (_, n) => ({ n })));
const manyKeys = () =>
  JSON.stringify({ n: 1, details: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`k${i}`, 1])) });
const gzip = { 'content-encoding': 'gzip' };
const cut = gzipSync('{"n":1}').subarray(0, -5);
const badCrc = Buffer.from(gzipSync('{"n":1}'));
badCrc.writeUInt32LE(1, badCrc.length - 8);
const csv = { 'content-type': 'text/csv' };

const REFUSED: readonly Case[] = [
  { name: '1 empty body', body: '', status: 400, code: 'empty-body' },
  { name: '2 {a', body: '{a', status: 400, code: 'invalid-json' },
  { name: '2 text after the object', body: '{"n":1}x', status: 400, code: 'invalid-json' },
  { name: '2 trailing comma', body: '[1,]', status: 400, code: 'invalid-json' },
  { name: '2 NaN', body: '{"n":NaN}', status: 400, code: 'invalid-json' },
  { name: '2 single quotes', body: "{'n':1}", status: 400, code: 'invalid-json' },
  {
    name: '4 UTF-16 charset',
    body: Buffer.from('{"n":1}', 'utf16le'),
    headers: { 'content-type': 'application/json; charset=utf-16' },
    status: 415,
    code: 'unsupported-charset',
  },
  { name: '5 ff fe', body: bytes('{"n":1,"customer":"', [0xff, 0xfe], '"}'), status: 400, code: 'invalid-utf8' },
  { name: '6 overlong', body: bytes('{"n":1,"customer":"', [0xc0, 0x80], '"}'), status: 400, code: 'invalid-utf8' },
  { name: '6 CESU', body: bytes('{"customer":"', [0xed, 0xa0, 0x80], '"}'), status: 400, code: 'invalid-utf8' },
  { name: '7 lone surrogate', body: '{"n":1,"customer":"\\ud800"}', status: 400, code: 'invalid-unicode' },
  { name: '9 NUL in a key', body: '{"n":1,"a\\u0000":1}', status: 422, code: 'invalid-key' },
  { name: '10 duplicate keys', body: '{"n":1,"n":2}', status: 400, code: 'duplicate-key' },
  { name: '10 duplicate keys, escaped', body: '{"n":1,"\\u006e":2}', status: 400, code: 'duplicate-key' },
  { name: '11 __proto__', body: '{"n":1,"__proto__":{"x":1}}', status: 422, code: 'forbidden-key' },
  { name: '11 __proto__ escaped', body: '{"n":1,"\\u005f\\u005fproto__":{}}', status: 422, code: 'forbidden-key' },
  { name: '12 constructor', body: '{"n":1,"constructor":{"prototype":{}}}', status: 422, code: 'forbidden-key' },
  { name: '15 1e400', body: '{"n":1,"amount":1e400}', status: 422, code: 'number-range' },
  { name: '15 -1e400', body: '{"n":1,"amount":-1e400}', status: 422, code: 'number-range' },
  { name: '16 900,000 digits', body: `{"n":${'9'.repeat(200_000)}}`, status: 422, code: 'number-range' },
  { name: '18 nested 33', body: nested(33), status: 400, code: 'too-deep' },
  { name: '18 nested 5,000', body: nested(5_000), status: 400, code: 'too-deep' },
  { name: '18 nested 40,000', body: nested(40_000), status: 400, code: 'too-deep' },
  { name: '19 10,000 keys', body: manyKeys(), status: 422, code: 'too-many-keys' },
  {
    name: '20 a key of 1 KB',
    body: JSON.stringify({ n: 1, ['k'.repeat(1_000)]: 1 }),
    status: 422,
    code: 'invalid-key',
  },
  { name: '20 an empty key', body: '{"n":1,"":1}', status: 422, code: 'invalid-key' },
  {
    name: '21 300 KiB event',
    body: JSON.stringify({ n: 1, customer: 'x'.repeat(300 * 1024) }),
    status: 413,
    code: 'too-large',
  },
  { name: '21 6 MiB body', body: 'x'.repeat(6 * 1024 * 1024), status: 413, code: 'too-large' },
  { name: '24 50,000 events', body: many(50_000), headers: NDJSON, status: 413, code: 'batch-too-large' },
  {
    name: '25 strict',
    path: `${ORDERS}?strict=true`,
    body: '[{"n":1},{"n":"x"}]',
    status: 422,
    code: 'batch-rejected',
  },
  { name: '26 []', body: '[]', status: 422, code: 'not-an-event' },
  { name: '26 null', body: 'null', status: 422, code: 'not-an-event' },
  { name: '26 "x"', body: '"x"', status: 422, code: 'not-an-event' },
  { name: '26 5', body: '5', status: 422, code: 'not-an-event' },
  { name: '26 [[…]]', body: '[[{"n":1}]]', status: 422, code: 'not-an-event' },
  {
    name: '29 one endless line',
    body: `{"n":"${'x'.repeat(4_900_000)}`,
    headers: NDJSON,
    status: 413,
    code: 'line-too-long',
  },
  { name: '30 gzip cut', body: cut, headers: gzip, status: 400, code: 'bad-encoding' },
  {
    name: '30 gzip and garbage',
    body: Buffer.concat([gzipSync('{"n":1}'), Buffer.from('zz')]),
    headers: gzip,
    status: 400,
    code: 'bad-encoding',
  },
  { name: '30 gzip with a bad CRC', body: badCrc, headers: gzip, status: 400, code: 'bad-encoding' },
  {
    name: '31 gzip bomb',
    body: gzipSync(Buffer.alloc(200 * 1024 * 1024, 0x20)),
    headers: gzip,
    status: 413,
    code: 'inflated-too-large',
  },
  {
    name: '32 brotli',
    body: brotliCompressSync('{"n":1}'),
    headers: { 'content-encoding': 'br' },
    status: 415,
    code: 'unsupported-encoding',
  },
  {
    name: '32 gzip, gzip',
    body: gzipSync(gzipSync('{"n":1}')),
    headers: { 'content-encoding': 'gzip, gzip' },
    status: 415,
    code: 'unsupported-encoding',
  },
  { name: '33 duplicate CSV header', body: 'n,n\n1,2\n', headers: csv, status: 422, code: 'invalid-csv' },
  { name: '33 empty CSV header', body: 'n,\n1,2\n', headers: csv, status: 422, code: 'invalid-csv' },
  {
    name: '35 text/plain',
    body: '{"n":1}',
    headers: { 'content-type': 'text/plain' },
    status: 415,
    code: 'unsupported-media-type',
  },
  {
    name: '35 two types',
    body: '{"n":1}',
    headers: { 'content-type': 'application/json, text/plain' },
    status: 415,
    code: 'unsupported-media-type',
  },
  { name: '36 a long id', path: '/v1/events/parcels', body: { id: 'x'.repeat(129) }, status: 422, code: 'invalid-id' },
  {
    name: '36 an id with a control character',
    path: '/v1/events/parcels',
    body: { id: 'a\u0001b' },
    status: 422,
    code: 'invalid-id',
  },
  {
    name: '39 a day that is none',
    body: { n: 1, placed_at: '2026-02-30T00:00:00Z' },
    status: 422,
    code: 'schema-violation',
  },
  { name: '39 seconds for a time', body: { n: 1, placed_at: 1_700_000_000 }, status: 422, code: 'schema-violation' },
  { name: '40 a;drop', path: '/v1/events/a%3Bdrop', body: { n: 1 }, status: 404, code: 'dataset-not-found' },
  {
    name: '40 information_schema',
    path: '/v1/events/information_schema',
    body: { n: 1 },
    status: 404,
    code: 'dataset-not-found',
  },
  { name: '41 a reserved key', body: { n: 1, _offset: 1 }, status: 422, code: 'reserved-key' },
  {
    name: '57 multipart',
    body: 'x',
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
    status: 415,
    code: 'unsupported-media-type',
  },
  { name: 'schema', body: { n: 'twelve' }, status: 422, code: 'schema-violation' },
];

for (const { name, path = ORDERS, body, headers, status, code } of REFUSED) {
  test(`refused: ${name}`, async () => {
    const answer = await client.post(path, body, headers);
    assert.equal(answer.status, status, answer.text.slice(0, 500));
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    const problem = answer.json;
    assert.equal(problem.code, code);
    assert.equal(problem.type, `/problems/${code}`);
    assert.equal(problem.status, status);
    assert.ok(problem.title && problem.detail && problem.hint && problem.request_id);
    assert.ok(!/\bat \S+:\d+:\d+/.test(answer.text), 'no stack trace');
    const next = await client.post(ORDERS, { n: 0 });
    assert.equal(next.status, 202, 'the next request is unaffected');
    accepted += 1;
  });
}

const TAKEN: readonly (Case & { readonly events: number })[] = [
  { name: '3 BOM', body: bytes([0xef, 0xbb, 0xbf], '{"n":1}'), status: 202, events: 1 },
  { name: '8 \\u0000 in a value', body: '{"n":1,"customer":"a\\u0000b"}', status: 202, events: 1 },
  { name: '13 odd keys', body: '{"n":1,"hasOwnProperty":1,"toString":2,"then":3}', status: 202, events: 1 },
  { name: '14 a big integer', body: '{"n":12345678901234567890}', status: 202, events: 1 },
  { name: '17 -0, 1.0', body: '{"n":-0,"amount":1.0}', status: 202, events: 1 },
  {
    name: '27 blank lines, CRLF, no last newline',
    body: '{"n":1}\r\n\r\n\n{"n":2,"customer":"\u2028"}',
    headers: NDJSON,
    status: 202,
    events: 2,
  },
  { name: '30 gzip', body: gzipSync('{"n":1}'), headers: gzip, status: 202, events: 1 },
  {
    name: '30 deflate',
    body: deflateSync('{"n":1}'),
    headers: { 'content-encoding': 'deflate' },
    status: 202,
    events: 1,
  },
  { name: '33 CSV', body: 'n,customer\r\n1,"a, ""b""\r\nc"\r\n2,=cmd()\r\n', headers: csv, status: 202, events: 2 },
];

for (const { name, body, headers, status, events } of TAKEN) {
  test(`taken: ${name}`, async () => {
    const answer = await client.post(ORDERS, body, headers);
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.json.accepted, events);
    accepted += events;
  });
}

test('taken: 50 a header __proto__', async () => {
  const head = 'Host: a\r\n__proto__: x\r\ncontent-type: application/json\r\nContent-Length: 7';
  const answer = await rawRequest(
    Number(new URL(system.url).port),
    `POST ${ORDERS} HTTP/1.1\r\n${head}\r\n\r\n{"n":1}`,
  );
  assert.equal(answer.status, 202, answer.body);
  accepted += 1;
});

test('a big integer, a NUL and a formula come back exactly', async () => {
  await eventually(async () => {
    const big = await client.get('/v1/datasets/orders/rows?n=eq.12345678901234567890');
    assert.equal(big.json.data[0]?.n, '12345678901234567890');
    const formula = await client.get(`/v1/datasets/orders/rows?customer=eq.${encodeURIComponent('=cmd()')}`);
    assert.equal(formula.json.data[0]?.customer, '=cmd()');
    const csvText = await client.get(`/v1/datasets/orders/rows?format=csv&customer=eq.${encodeURIComponent('=cmd()')}`);
    assert.ok(csvText.text.includes("'=cmd()"));
  });
});

const RAW: readonly { readonly name: string; readonly head: string; readonly status: number }[] = [
  {
    name: '22 an absurd Content-Length',
    head: 'Host: a\r\ncontent-type: application/json\r\nContent-Length: 99999999999',
    status: 413,
  },
  { name: '47 two lengths', head: 'Host: a\r\ncontent-type: application/json\r\nContent-Length: 5,5', status: 400 },
  { name: '47 length and chunked', head: 'Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5', status: 400 },
  { name: '47 a space before the colon', head: 'Host: a\r\nContent-Length : 0', status: 400 },
  { name: '48 no Host', head: 'X: a\r\nContent-Length: 0', status: 400 },
  { name: '48 two Hosts', head: 'Host: a\r\nHost: b\r\nContent-Length: 0', status: 400 },
  { name: '49 17 KB of header', head: `Host: a\r\nX: ${'x'.repeat(17_000)}`, status: 431 },
  {
    name: '49 2,500 headers',
    head: `Host: a\r\n${Array.from({ length: 2_500 }, (_, i) => `x${i}: 1`).join('\r\n')}`,
    status: 431,
  },
  { name: '51 an expectation', head: 'Host: a\r\nExpect: 200-maybe\r\nContent-Length: 0', status: 417 },
];

for (const { name, head, status } of RAW) {
  test(`on the wire: ${name}`, async () => {
    const answer = await rawRequest(Number(new URL(system.url).port), `POST ${ORDERS} HTTP/1.1\r\n${head}\r\n\r\n`);
    assert.equal(answer.status, status, answer.body);
  });
}

const READS: readonly { readonly path: string; readonly status: number; readonly code: string }[] = [
  { path: '/v1/nothing', status: 404, code: 'not-found' },
  { path: '/v1/endpoints/nothing', status: 404, code: 'endpoint-not-found' },
  { path: '/v1/datasets/nothing', status: 404, code: 'dataset-not-found' },
  { path: '/v1/endpoints/orders_by_customer', status: 400, code: 'invalid-parameter' },
  { path: '/v1/endpoints/orders_by_customer?customer=a&customer=b', status: 400, code: 'invalid-parameter' },
  { path: '/v1/endpoints/orders_by_customer?customer=a&other=1', status: 400, code: 'invalid-parameter' },
  { path: '/v1/endpoints/orders_by_customer?customer=a&__proto__=3', status: 400, code: 'invalid-parameter' },
  ...['0x10', '%201', '%D9%A1', '1e3', '9999', '9223372036854775808', ''].map((value) => ({
    path: `/v1/endpoints/orders_by_customer?customer=a&limit=${value}`,
    status: 400,
    code: 'invalid-parameter',
  })),
  { path: '/v1/datasets/orders/rows?limit=-1', status: 400, code: 'invalid-parameter' },
  { path: '/v1/datasets/orders/rows?limit=0', status: 400, code: 'invalid-parameter' },
  { path: '/v1/datasets/orders/rows?limit=1000000000', status: 400, code: 'invalid-parameter' },
  { path: '/v1/datasets/orders/rows?cursor=forged', status: 400, code: 'invalid-cursor' },
  { path: '/v1/datasets/orders/rows?order=nothing', status: 400, code: 'invalid-parameter' },
  { path: '/v1/datasets/orders/rows?nothing=eq.1', status: 400, code: 'invalid-parameter' },
  { path: '/v1/datasets/orders/rows?n=eq.1%20or%201=1', status: 400, code: 'invalid-parameter' },
  { path: '/v1/datasets/orders/rows?select=n,nothing', status: 400, code: 'invalid-parameter' },
  { path: '/v1/datasets/orders/rows?format=xml', status: 400, code: 'invalid-parameter' },
  { path: '/v1/datasets/orders/rows/nothing', status: 404, code: 'row-not-found' },
  { path: '/v1/datasets/%zz', status: 400, code: 'invalid-url' },
  { path: '/v1/datasets/a%00b', status: 400, code: 'invalid-url' },
  { path: '/v1/transactions/nothing', status: 404, code: 'transaction-not-found' },
  { path: '/v1/transactions/019a0000-0000-7000-8000-000000000000', status: 404, code: 'transaction-not-found' },
];

for (const { path, status, code } of READS) {
  test(`read: ${path}`, async () => {
    const answer = await client.get(path);
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.json.code, code);
  });
}

test('methods: PUT on a POST route names what is allowed, OPTIONS answers it', async () => {
  const put = await fetch(system.url + ORDERS, { method: 'PUT', body: '{}' });
  assert.equal(put.status, 405);
  assert.match(put.headers.get('allow') ?? '', /POST/);
  const options = await fetch(system.url + ORDERS, { method: 'OPTIONS' });
  assert.equal(options.status, 204);
  const text = await client.get('/v1/datasets/orders/rows', { accept: 'text/xml' });
  assert.equal(text.status, 406);
});

test('after all of it the sums balance, and what is stored is what was accepted', async () => {
  await eventually(async () => {
    const { json } = await client.get('/v1/conservation');
    const orders = json.datasets.find((each: { dataset: string }) => each.dataset === 'orders');
    assert.equal(json.balanced, true);
    assert.deepEqual([orders.accepted, orders.stored, orders.dead], [accepted, accepted, 0]);
  });
});
