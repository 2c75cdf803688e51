import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startInMemory } from '../../test/support/memory.ts';
import { RawConnection, rawRequest } from '../../test/support/raw-http.ts';
import type { RunningAzud } from '../app/start.ts';

/** The rows of the bad-input catalogue (RELIABILITY.md) that are about HTTP itself, on real sockets. */

const EVENT = '{"n":1}';
const HEAD = 'POST /v1/events/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
const GOOD = `${HEAD}content-length: ${EVENT.length}\r\n\r\n${EVENT}`;

let azud: RunningAzud;

before(async () => {
  azud = await startInMemory();
});

after(() => azud.close());

interface Refusal {
  readonly name: string;
  readonly bytes: string | Buffer;
  readonly status: number;
  readonly code: string;
  /** The connection must not be used again. */
  readonly closes?: true;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
const typed = (type: string) =>
  `POST /v1/events/orders HTTP/1.1\r\nhost: x\r\n${type}content-length: ${EVENT.length}\r\n\r\n${EVENT}`;
const framed = (fields: string) => `${HEAD}${fields}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`;

const REFUSALS: readonly Refusal[] = [
  {
    name: 'a body of 6 MiB',
    bytes: `${HEAD}content-length: 6291456\r\n\r\n`,
    status: 413,
    code: 'too-large',
    closes: true,
  },
  {
    name: 'a body of 99999999999 bytes',
    bytes: `${HEAD}content-length: 99999999999\r\n\r\n`,
    status: 413,
    code: 'too-large',
    closes: true,
  },
  { name: 'a body without a type', bytes: typed(''), status: 415, code: 'unsupported-media-type' },
  { name: 'text/plain', bytes: typed('content-type: text/plain\r\n'), status: 415, code: 'unsupported-media-type' },
  {
    name: 'two types in one header',
    bytes: typed('content-type: application/json, text/plain\r\n'),
    status: 415,
    code: 'unsupported-media-type',
  },
  {
    name: 'multipart',
    bytes: typed('content-type: multipart/form-data; boundary=x\r\n'),
    status: 415,
    code: 'unsupported-media-type',
  },
  {
    name: 'a form',
    bytes: typed('content-type: application/x-www-form-urlencoded\r\n'),
    status: 415,
    code: 'unsupported-media-type',
  },
  { name: 'XML', bytes: typed('content-type: application/xml\r\n'), status: 415, code: 'unsupported-media-type' },
  {
    name: 'protobuf',
    bytes: typed('content-type: application/protobuf\r\n'),
    status: 415,
    code: 'unsupported-media-type',
  },
  {
    name: 'both Content-Length and Transfer-Encoding',
    bytes: framed('content-length: 5\r\ntransfer-encoding: chunked'),
    status: 400,
    code: 'bad-request',
    closes: true,
  },
  {
    name: 'a Content-Length of 5,5',
    bytes: framed('content-length: 5,5'),
    status: 400,
    code: 'bad-request',
    closes: true,
  },
  {
    name: 'a Content-Length of -1',
    bytes: framed('content-length: -1'),
    status: 400,
    code: 'bad-request',
    closes: true,
  },
  {
    name: 'two Content-Lengths',
    bytes: framed('content-length: 5\r\ncontent-length: 6'),
    status: 400,
    code: 'bad-request',
    closes: true,
  },
  {
    name: 'a bare line feed',
    bytes: 'GET /healthz HTTP/1.1\nhost: x\n\n',
    status: 400,
    code: 'bad-request',
    closes: true,
  },
  {
    name: 'a space before the colon',
    bytes: 'GET /healthz HTTP/1.1\r\nhost : x\r\n\r\n',
    status: 400,
    code: 'bad-request',
    closes: true,
  },
  {
    name: 'a folded header',
    bytes: 'GET /healthz HTTP/1.1\r\nhost: x\r\na: b\r\n c\r\n\r\n',
    status: 400,
    code: 'bad-request',
    closes: true,
  },
  { name: 'no Host', bytes: 'GET /healthz HTTP/1.1\r\n\r\n', status: 400, code: 'invalid-header' },
  {
    name: 'two Hosts',
    bytes: 'GET /healthz HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n',
    status: 400,
    code: 'invalid-header',
  },
  {
    name: 'a header of 17 KB',
    bytes: `GET /healthz HTTP/1.1\r\nhost: x\r\na: ${'b'.repeat(17_000)}\r\n\r\n`,
    status: 431,
    code: 'headers-too-large',
    closes: true,
  },
  {
    name: '2,500 headers',
    bytes: `GET /healthz HTTP/1.1\r\nhost: x\r\n${'a: b\r\n'.repeat(2_500)}\r\n`,
    status: 431,
    code: 'headers-too-large',
  },
  {
    name: 'an unknown expectation',
    bytes: `${HEAD}expect: 200-maybe\r\ncontent-length: 7\r\n\r\n${EVENT}`,
    status: 417,
    code: 'expectation-failed',
  },
  {
    name: 'a method that is none',
    bytes: 'FOO /healthz HTTP/1.1\r\nhost: x\r\n\r\n',
    status: 400,
    code: 'bad-request',
    closes: true,
  },
  {
    name: 'an address of 13 KB',
    bytes: get(`/v1/datasets?a=${'b'.repeat(13_000)}`),
    status: 414,
    code: 'uri-too-long',
  },
  {
    name: 'a part of 9,000 characters',
    bytes: get(`/v1/datasets/${'b'.repeat(9_000)}`),
    status: 414,
    code: 'uri-too-long',
  },
  { name: 'percent-encoding that is none', bytes: get('/v1/datasets/%zz'), status: 400, code: 'invalid-url' },
  {
    name: 'percent-encoding in the query that is none',
    bytes: get('/v1/datasets/orders/rows?n=%zz'),
    status: 400,
    code: 'invalid-url',
  },
  { name: 'a NUL in the path', bytes: get('/v1/datasets/a%00b'), status: 400, code: 'invalid-url' },
  { name: 'a way out of the path', bytes: get('/v1/datasets/..%2f..%2fetc'), status: 404, code: 'dataset-not-found' },
  { name: 'an address that is none', bytes: get('/nothing/here'), status: 404, code: 'not-found' },
  {
    name: 'an unknown intake parameter',
    bytes: GOOD.replace('orders HTTP', 'orders?stric=true HTTP'),
    status: 400,
    code: 'invalid-parameter',
  },
  { name: 'an unknown dataset', bytes: GOOD.replace('orders', 'nothing'), status: 404, code: 'dataset-not-found' },
];

for (const { name, bytes, status, code, closes } of REFUSALS) {
  test(`${name} is refused with ${status} ${code}, and the next request is served`, async () => {
    const connection = await RawConnection.open(azud.port);
    connection.send(bytes);
    const answer = await connection.answer();
    const problem = JSON.parse(answer.body);
    assert.deepEqual([answer.status, problem.code, problem.status], [status, code, status]);
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    assert.equal(problem.type, `/problems/${code}`);
    assert.equal(problem.request_id, answer.headers.get('x-request-id'));
    assert.ok(problem.hint.length > 0 && !answer.body.includes('    at '));
    if (closes) await connection.end();
    connection.cut();
    assert.equal((await rawRequest(azud.port, GOOD)).status, 202);
  });
}

test('a chunked body that grows past the limit is refused while it grows, and the connection closes', async () => {
  const connection = await RawConnection.open(azud.port);
  connection.send(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
  const chunk = Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`);
  for (let sent = 0; sent < 100; sent += 1) connection.send(chunk);
  const answer = await connection.answer();
  assert.deepEqual([answer.status, JSON.parse(answer.body).code], [413, 'too-large']);
  assert.equal(answer.headers.get('connection'), 'close');
  await connection.end();
});

test('a client that asks first is not asked for a body that would be refused', async () => {
  const connection = await RawConnection.open(azud.port);
  connection.send(`${HEAD}expect: 100-continue\r\ncontent-length: 6291456\r\n\r\n`);
  assert.equal((await connection.answer()).status, 413);
  connection.cut();
});

test('a client that asks first is told to go on', async () => {
  const connection = await RawConnection.open(azud.port);
  connection.send(`${HEAD}expect: 100-continue\r\ncontent-length: ${EVENT.length}\r\n\r\n`);
  assert.equal((await connection.answer()).status, 100);
  connection.send(EVENT);
  assert.equal((await connection.answer()).status, 202);
  connection.cut();
});

test('a header called __proto__ is a header', async () => {
  const answer = await rawRequest(azud.port, GOOD.replace('host: x', 'host: x\r\n__proto__: y'));
  assert.equal(answer.status, 202);
});

test('methods: what a path takes stands in Allow, OPTIONS asks for it, HEAD has no body', async () => {
  const put = await rawRequest(azud.port, 'PUT /v1/events/orders HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n');
  assert.deepEqual([put.status, put.headers.get('allow')], [405, 'POST, OPTIONS']);
  const wrong = await rawRequest(azud.port, get('/v1/events/orders'));
  assert.deepEqual([wrong.status, JSON.parse(wrong.body).code], [405, 'method-not-allowed']);
  const options = await rawRequest(azud.port, 'OPTIONS /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
  assert.deepEqual([options.status, options.headers.get('allow')], [204, 'GET, HEAD, OPTIONS']);
  const head = await fetch(`${azud.url}/healthz`, { method: 'HEAD' });
  assert.deepEqual([head.status, await head.text()], [200, '']);
});

test('HTTP/1.0 is served, an upgrade is ignored', async () => {
  const old = await rawRequest(azud.port, 'GET /healthz HTTP/1.0\r\n\r\n');
  assert.equal(old.status, 200);
  const upgrade = 'GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
  assert.equal((await rawRequest(azud.port, upgrade)).status, 200);
});

test('1,000 pipelined requests are answered in order', async () => {
  const connection = await RawConnection.open(azud.port);
  const requests = Array.from({ length: 1_000 }, (_, at) => get(at % 2 === 0 ? '/healthz' : '/nothing'));
  connection.send(requests.join(''));
  for (let at = 0; at < 1_000; at += 1) assert.equal((await connection.answer()).status, at % 2 === 0 ? 200 : 404);
  connection.cut();
});

test('a request cut at any byte is stored whole when it was answered, else once or not at all', async () => {
  const before = await accepted();
  for (let at = 1; at < GOOD.length; at += 1) {
    const connection = await RawConnection.open(azud.port);
    connection.send(GOOD.slice(0, at));
    connection.cut();
  }
  assert.equal((await rawRequest(azud.port, GOOD)).status, 202);
  assert.equal(await accepted(), before + 1);
});

test('every answer carries a request id of its own and forbids guessing its type', async () => {
  const [one, two] = await Promise.all([rawRequest(azud.port, GOOD), rawRequest(azud.port, GOOD)]);
  assert.notEqual(one.headers.get('x-request-id'), two.headers.get('x-request-id'));
  assert.equal(one.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(one.headers.get('cache-control'), 'no-store');
});

async function accepted(): Promise<number> {
  const { body } = await rawRequest(azud.port, get('/v1/conservation'));
  const report = JSON.parse(body) as { datasets: { dataset: string; accepted: number; balanced: boolean }[] };
  return report.datasets.find(({ dataset }) => dataset === 'orders')?.accepted ?? 0;
}
