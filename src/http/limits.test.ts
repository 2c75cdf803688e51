import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ECHO, openDoor, testRoute } from '../../test/support/door.ts';
import { eventually } from '../../test/support/eventually.ts';
import { RawConnection, rawRequest } from '../../test/support/raw-http.ts';
import { HTTP_LIMITS } from '../limits.ts';
import { type Answer, jsonAnswer } from './answer.ts';

const GET = 'GET /ok HTTP/1.1\r\nhost: x\r\n\r\n';
const OK = testRoute('/ok', () => jsonAnswer(200, {}));
const SHORT = { ...HTTP_LIMITS, headersTimeoutMs: 200, requestTimeoutMs: 400 };

test('headers that do not arrive in time are answered with 408, and others are served meanwhile', async () => {
  const { server, port } = await openDoor([OK], { limits: SHORT });
  const slow = await RawConnection.open(port);
  slow.send('GET /ok HTTP/1.1\r\nho');
  assert.equal((await rawRequest(port, GET)).status, 200);
  const answer = await slow.answer();
  assert.deepEqual([answer.status, JSON.parse(answer.body).code], [408, 'request-timeout']);
  await slow.end();
  await server.close();
});

test('a body that does not arrive in time is answered with 408', async () => {
  const { server, port } = await openDoor([ECHO], { limits: SHORT });
  const slow = await RawConnection.open(port);
  slow.send('POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345');
  assert.equal((await slow.answer()).status, 408);
  await slow.end();
  await server.close();
});

test('bodies that arrive together are bounded: one too many is told 503, and what has arrived or gone makes room', async () => {
  const route = { ...ECHO, bodyBytesMax: 10_000 };
  const { server, port } = await openDoor([route], { limits: { ...HTTP_LIMITS, arrivingBytesMax: 10_000 } });
  const post = (bytes: number) => `POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes}\r\n\r\n`;
  const [first, second, third] = await Promise.all([1, 2, 3].map(() => RawConnection.open(port)));
  assert.ok(first && second && third);
  first.send(post(9_000) + 'x'.repeat(8_000));
  await eventually(() => assert.equal(server.active, 1));
  second.send(post(4_000) + 'x'.repeat(3_000));
  const refused = await second.answer();
  assert.deepEqual([refused.status, JSON.parse(refused.body).code], [503, 'overloaded']);
  assert.equal(refused.headers.get('retry-after'), '1');
  first.send('x'.repeat(1_000));
  assert.equal((await first.answer()).status, 200);
  third.send(post(9_500) + 'x'.repeat(9_000));
  await eventually(() => assert.equal(server.active, 1));
  third.cut();
  await eventually(() => assert.equal(server.active, 0));
  first.send(post(9_000) + 'x'.repeat(9_000));
  assert.equal((await first.answer()).status, 200);
  for (const connection of [first, second]) connection.cut();
  await server.close();
});

test('a silent connection is closed', async () => {
  const { server, port } = await openDoor([OK], { limits: SHORT });
  const silent = await RawConnection.open(port);
  await silent.end();
  await server.close();
});

test('connections above the cap are told 503 and closed; when one goes, the next is served', async () => {
  const { server, port } = await openDoor([OK], { limits: { ...HTTP_LIMITS, connectionsMax: 3 } });
  const held = await Promise.all([1, 2, 3].map(() => RawConnection.open(port)));
  const refused = await rawRequest(port, GET);
  assert.deepEqual([refused.status, JSON.parse(refused.body).code], [503, 'overloaded']);
  assert.equal(refused.headers.get('retry-after'), '1');
  held[0]?.cut();
  await eventually(async () => assert.equal((await rawRequest(port, GET)).status, 200));
  for (const connection of held) connection.cut();
  await server.close();
});

test('a reader that never reads is cut, and its answer is given up', async () => {
  let ended = false;
  const endless = testRoute('/endless', (): Answer => ({ status: 200, headers: {}, body: chunks() }));
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      for (;;) yield Buffer.alloc(1 << 20);
    } finally {
      ended = true;
    }
  }
  const { server, port } = await openDoor([endless], { limits: { ...HTTP_LIMITS, connectionTimeoutMs: 300 } });
  const socket = connect(port, '127.0.0.1').pause();
  socket.write('GET /endless HTTP/1.1\r\nhost: x\r\n\r\n');
  await eventually(() => assert.ok(ended));
  socket.destroy();
  await server.close();
});

test('closing finishes what is in flight, says Connection: close, and ends', async () => {
  const gate = Promise.withResolvers<void>();
  const slow = testRoute('/slow', async () => {
    await gate.promise;
    return jsonAnswer(200, { done: true });
  });
  const { server, port } = await openDoor([slow, OK]);
  const inFlight = await RawConnection.open(port);
  inFlight.send('GET /slow HTTP/1.1\r\nhost: x\r\n\r\n');
  await eventually(() => assert.equal(server.active, 1));
  const pipelined = await RawConnection.open(port);
  pipelined.send('GET /slow HTTP/1.1\r\nhost: x\r\n\r\n');
  await eventually(() => assert.equal(server.active, 2));
  const closed = server.close();
  gate.resolve();
  const answer = await inFlight.answer();
  assert.deepEqual([answer.status, answer.headers.get('connection')], [200, 'close']);
  assert.equal((await pipelined.answer()).status, 200);
  await closed;
  await inFlight.end();
  await pipelined.end();
});

test('closing cuts what does not end in time', async () => {
  const never = testRoute('/never', () => new Promise<Answer>(() => {}));
  const { server, port } = await openDoor([never]);
  const waiting = await RawConnection.open(port);
  waiting.send('GET /never HTTP/1.1\r\nhost: x\r\n\r\n');
  await eventually(() => assert.equal(server.active, 1));
  await server.close(50);
  await waiting.end();
});

test('a handler that fails unexpectedly answers 500 without its words or its stack', async () => {
  const broken = testRoute('/broken', () => {
    throw new TypeError('the secret inner thing');
  });
  const { server, port } = await openDoor([broken]);
  const answer = await rawRequest(port, 'GET /broken HTTP/1.1\r\nhost: x\r\n\r\n');
  assert.deepEqual([answer.status, JSON.parse(answer.body).code], [500, 'internal']);
  assert.ok(!answer.body.includes('secret'));
  await server.close();
});

test('a stream that fails before its first chunk is a problem; after it, the connection is cut', async () => {
  const failing = (chunks: number) =>
    testRoute(`/after/${chunks}`, (): Answer => ({ status: 200, headers: {}, body: failAfter(chunks) }));
  async function* failAfter(chunks: number): AsyncGenerator<string> {
    for (let sent = 0; sent < chunks; sent += 1) yield 'chunk';
    throw new Error('the query died');
  }
  const { server, url } = await openDoor([failing(0), failing(1)]);
  assert.equal((await fetch(`${url}/after/0`)).status, 500);
  const cut = await fetch(`${url}/after/1`);
  assert.equal(cut.status, 200);
  await assert.rejects(cut.text());
  await server.close();
});

test('durations are counted by route and status, refusals by code', async () => {
  const { server, port, metrics } = await openDoor([OK]);
  await rawRequest(port, GET);
  await rawRequest(port, 'GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n');
  const text = await metrics.expose();
  assert.match(
    text,
    /duration_seconds_count\{http_request_method="GET",http_route="\/ok",http_response_status_code="200"\} 1/,
  );
  assert.match(text, /azud_requests_rejected_total\{reason="not-found"\} 1/);
  await server.close();
});
