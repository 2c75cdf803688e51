import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDoor, testRoute } from '../../test/support/door.ts';
import { eventually } from '../../test/support/eventually.ts';
import { RawConnection, rawRequest } from '../../test/support/raw-http.ts';
import { AzudError } from '../error/azud-error.ts';
import { HTTP_LIMITS } from '../limits.ts';
import { jsonAnswer } from './answer.ts';
import { LaneRequest } from './lane-request.ts';
import type { Handler } from './routes/route.ts';
import type { HttpServerOptions } from './server.ts';

const BODY = '{"n":1}';
const post = (body = BODY, more = '') =>
  `POST /in HTTP/1.1\r\nhost: x\r\n${more}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
const GET = 'GET /ok HTTP/1.1\r\nhost: x\r\n\r\n';

const OK = testRoute('/ok', () => jsonAnswer(200, {}));
/** Says what it was given, and which way it came. */
const ECHO: Handler = (request) =>
  jsonAnswer(202, { lane: request instanceof LaneRequest, body: request.body.toString(), ending: 'é' });

function openLane(handler: Handler = ECHO, options: Partial<HttpServerOptions> = {}) {
  const IN = testRoute('/in', handler, { method: 'POST', tag: 'intake', bodyBytesMax: 1_000_000 });
  return openDoor([IN, OK], options);
}

test('a plain POST is served in the lane, again and again on one connection', async () => {
  const { server, port } = await openLane();
  const connection = await RawConnection.open(port);
  for (const body of ['{"n":1}', '{"n":22}', 'x'.repeat(16_384), 'y'.repeat(1_000_000), 'z'.repeat(200_000)]) {
    connection.send(post(body));
    const answer = await connection.answer();
    assert.equal(answer.status, 202);
    assert.equal(JSON.parse(answer.body).lane, true);
    assert.equal(JSON.parse(answer.body).body, body);
  }
  await server.close();
  await connection.end();
});

test("what the lane answers and what Node's server answers differ in nothing but the request's id", async () => {
  const failing: Handler = ({ body }) => {
    if (body.length > 10) throw new AzudError('overloaded', 'too much', { retryAfterSeconds: 7 });
    return jsonAnswer(202, { ok: true });
  };
  const { server, port } = await openLane(failing);
  for (const body of [BODY, 'x'.repeat(20)]) {
    const [lane, node] = await Promise.all([
      rawRequest(port, post(body)),
      rawRequest(port, post(body, 'x-odd: 1\r\n')),
    ]);
    const without = (headers: ReadonlyMap<string, string>) =>
      [...headers].filter(([name]) => name !== 'x-request-id' && name !== 'date');
    assert.deepEqual(without(lane.headers), without(node.headers));
    assert.equal(lane.status, node.status);
    assert.match(lane.headers.get('date') ?? '', /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
    assert.notEqual(lane.headers.get('x-request-id'), node.headers.get('x-request-id'));
  }
  await server.close();
});

test('a request that comes in two pieces is served, wherever it was cut', async () => {
  const { server, port } = await openLane();
  const whole = post();
  for (let at = 1; at < whole.length; at += 1) {
    const connection = await RawConnection.open(port);
    await connection.sendAll(Buffer.from(whole.slice(0, at)));
    connection.send(whole.slice(at));
    assert.equal(JSON.parse((await connection.answer()).body).body, BODY);
    connection.cut();
  }
  await server.close();
});

const NOT_PLAIN: Readonly<Record<string, string>> = {
  'a header that is not known': post(BODY, 'x-odd: 1\r\n'),
  chunks: 'POST /in HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n7\r\n{"n":1}\r\n0\r\n\r\n',
  'a query': post().replace('/in', '/in?a=1'),
  'another method': GET,
};

for (const [name, bytes] of Object.entries(NOT_PLAIN)) {
  test(`${name} is Node's to serve, and so is what follows on its connection`, async () => {
    const { server, port } = await openLane();
    const connection = await RawConnection.open(port);
    connection.send(post());
    assert.equal(JSON.parse((await connection.answer()).body).lane, true);
    for (const request of [bytes, GET, post()]) {
      connection.send(request);
      const answer = await connection.answer();
      assert.ok(answer.status < 300);
      assert.notEqual(JSON.parse(answer.body).lane, true);
    }
    connection.cut();
    await server.close();
  });
}

test('pipelined requests are answered in order', async () => {
  const { server, port } = await openLane();
  const connection = await RawConnection.open(port);
  const bodies = Array.from({ length: 50 }, (_, n) => `{"n":${n}}`);
  connection.send(bodies.map((body) => post(body)).join(''));
  for (const body of bodies) assert.equal(JSON.parse((await connection.answer()).body).body, body);
  connection.cut();
  await server.close();
});

test('a request that comes before the answer to the one before it waits for its turn', async () => {
  const gate = Promise.withResolvers<void>();
  const { server, port } = await openLane(async (request) => {
    await gate.promise;
    return ECHO(request, {} as never);
  });
  const connection = await RawConnection.open(port);
  connection.send(post('{"n":1}'));
  await eventually(() => assert.equal(server.active, 1));
  connection.send(post('{"n":2}').slice(0, 30));
  await connection.sendAll(Buffer.from(post('{"n":2}').slice(30)));
  await connection.sendAll(Buffer.from(GET));
  gate.resolve();
  const answers = [await connection.answer(), await connection.answer()];
  assert.deepEqual(
    answers.map(({ body }) => JSON.parse(body).body),
    ['{"n":1}', '{"n":2}'],
  );
  assert.equal((await connection.answer()).status, 200);
  connection.cut();
  await server.close();
});

test('a long body that comes in pieces is served, and what comes behind it', async () => {
  const { server, port } = await openLane();
  const body = Array.from({ length: 30_000 }, (_, n) => n).join();
  const connection = await RawConnection.open(port);
  for (const cut of [10, 90, 100_000, post(body).length - 1]) {
    const whole = Buffer.from(post(body));
    await connection.sendAll(whole.subarray(0, cut));
    connection.send(whole.subarray(cut).toString());
    const echoed = JSON.parse((await connection.answer()).body);
    assert.ok(echoed.lane && echoed.body === body);
  }
  // The end of one and the next in one piece: pipelining, which is Node's.
  const whole = Buffer.from(post(body));
  await connection.sendAll(whole.subarray(0, 100_000));
  await connection.sendAll(Buffer.concat([whole.subarray(100_000), Buffer.from(post())]));
  const answers = [await connection.answer(), await connection.answer()].map((answer) => JSON.parse(answer.body));
  assert.deepEqual(
    answers.map(({ lane }) => lane),
    [false, false],
  );
  assert.ok(answers[0].body === body && answers[1].body === BODY);
  connection.cut();
  await server.close();
});

test("a body above the route's bound, and one for which there is no memory, are Node's to judge", async () => {
  const limits = { ...HTTP_LIMITS, laneLentBytesMax: 200_000 };
  const { server, port } = await openLane(ECHO, { limits });
  assert.equal((await rawRequest(port, post('x'.repeat(1_000_001)))).status, 413);
  for (const [bytes, lane] of [
    [131_000, true],
    [131_073, false],
  ] as const) {
    const answer = JSON.parse((await rawRequest(port, post('x'.repeat(bytes)))).body);
    assert.deepEqual([answer.lane, answer.body.length], [lane, bytes]);
  }
  await server.close();
});

test("a long body that stops in its middle is Node's to wait for, and is served when the rest has come", async () => {
  const { server, port } = await openLane(ECHO, { limits: { ...HTTP_LIMITS, laneWaitMs: 50 } });
  const body = 'x'.repeat(200_000);
  const slow = await RawConnection.open(port);
  await slow.sendAll(Buffer.from(post(body).slice(0, 150_000)));
  // Node's server has its head, and waits for the rest.
  await eventually(() => assert.equal(server.active, 1));
  slow.send(post(body).slice(150_000));
  const answer = JSON.parse((await slow.answer()).body);
  assert.deepEqual([answer.lane, answer.body.length], [false, 200_000]);
  slow.cut();
  await server.close();
});

test("a body that does not arrive is Node's to wait for, and answered with 408", async () => {
  const limits = { ...HTTP_LIMITS, laneWaitMs: 100, headersTimeoutMs: 200, requestTimeoutMs: 400 };
  const { server, port } = await openLane(ECHO, { limits });
  const [head, body] = await Promise.all([RawConnection.open(port), RawConnection.open(port)]);
  head.send(post().slice(0, 20));
  body.send(post().slice(0, -2));
  for (const slow of [head, body]) {
    assert.equal((await slow.answer()).status, 408);
    await slow.end();
  }
  await server.close();
});

test('a connection on which nothing comes any more is closed, before its first request or after one', async () => {
  const limits = { ...HTTP_LIMITS, laneWaitMs: 50, headersTimeoutMs: 200, keepAliveTimeoutMs: 100 };
  const { server, port } = await openLane(ECHO, { limits });
  const silent = await RawConnection.open(port);
  const once = await RawConnection.open(port);
  once.send(post());
  assert.equal((await once.answer()).status, 202);
  await Promise.all([silent.end(), once.end()]);
  await server.close();
});

test('an answer that never comes does not hold its connection for ever', async () => {
  const limits = { ...HTTP_LIMITS, laneWaitMs: 50, connectionTimeoutMs: 100 };
  const { server, port } = await openLane(() => new Promise(() => {}), { limits });
  const connection = await RawConnection.open(port);
  connection.send(post());
  await connection.end();
  await server.close();
});

test('a client that goes away in the middle is forgotten, and its signal aborts', async () => {
  let aborted = false;
  const { server, port } = await openLane(async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    aborted = true;
    return jsonAnswer(202, {});
  });
  const connection = await RawConnection.open(port);
  connection.send(post());
  await eventually(() => assert.equal(server.active, 1));
  connection.cut();
  await eventually(() => assert.deepEqual([aborted, server.active], [true, 0]));
  await server.close();
});

test('closing answers what is in flight with Connection: close, and ends those between two requests', async () => {
  const gate = Promise.withResolvers<void>();
  const { server, port } = await openLane(async ({ body }) => {
    if (body.length > 7) await gate.promise;
    return jsonAnswer(202, {});
  });
  const [fresh, idle, busy] = await Promise.all([1, 2, 3].map(() => RawConnection.open(port)));
  assert.ok(fresh && idle && busy);
  idle.send(post());
  await idle.answer();
  busy.send(post('{"n":100}'));
  await eventually(() => assert.equal(server.active, 1));
  const closed = server.close();
  await Promise.all([fresh.end(), idle.end()]);
  gate.resolve();
  const answer = await busy.answer();
  assert.deepEqual([answer.status, answer.headers.get('connection')], [202, 'close']);
  await Promise.all([busy.end(), closed]);
});

test('closing cuts what does not end in time', async () => {
  const { server, port } = await openLane(() => new Promise(() => {}));
  const waiting = await RawConnection.open(port);
  waiting.send(post());
  await eventually(() => assert.equal(server.active, 1));
  await server.close(50);
  await waiting.end();
});

test('a connection has so many requests and then ends', async () => {
  const { server, port } = await openLane(ECHO, { limits: { ...HTTP_LIMITS, requestsPerSocketMax: 2 } });
  const connection = await RawConnection.open(port);
  connection.send(post());
  assert.equal((await connection.answer()).headers.get('keep-alive'), 'timeout=5, max=2');
  connection.send(post());
  assert.equal((await connection.answer()).headers.get('connection'), 'close');
  await connection.end();
  await server.close();
});

test('durations are counted by route and status, refusals by code, an unexpected failure without its words', async () => {
  const { server, port, metrics } = await openLane(({ body }) => {
    if (body.length > 10) throw new AzudError('overloaded', 'too much');
    if (body.length > 7) throw new TypeError('the secret inner thing');
    return jsonAnswer(202, {});
  });
  for (const body of [BODY, 'x'.repeat(20)]) await rawRequest(port, post(body));
  const broken = await rawRequest(port, post('x'.repeat(9)));
  assert.deepEqual([broken.status, JSON.parse(broken.body).code], [500, 'internal']);
  assert.ok(!broken.body.includes('secret'));
  const text = await metrics.expose();
  for (const status of [202, 503, 500]) {
    assert.match(
      text,
      new RegExp(`count\\{http_request_method="POST",http_route="/in",http_response_status_code="${status}"\\} 1`),
    );
  }
  assert.match(text, /azud_requests_rejected_total\{reason="overloaded"\} 1/);
  await server.close();
});
