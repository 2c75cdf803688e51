import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type OpenDoor, openDoor, testRoute } from '../../test/support/door.ts';
import { eventually } from '../../test/support/eventually.ts';
import { rawRequest } from '../../test/support/raw-http.ts';
import { systemClock } from '../lib/clock.ts';
import { type Answer, jsonAnswer } from './answer.ts';
import { Authenticator } from './auth.ts';
import { Forwarder, PING_PATH } from './forward.ts';
import { INTERNAL_ROUTES } from './routes/internal.ts';
import type { Handler, Route } from './routes/route.ts';

const SECRET = 'a-secret-of-enough-characters';
const LIMITS = { forwardTimeoutMs: 2_000, pingAfterMs: 50, pingTimeoutMs: 100 };

let folder: string;
let socketPath: string;
let forwarder: Forwarder;
const opened: OpenDoor[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'azud-forward-'));
  socketPath = join(folder, 'analytics.sock');
  forwarder = new Forwarder({ socketPath, limits: LIMITS });
});

afterEach(async () => {
  forwarder.close();
  await Promise.all(opened.splice(0).map(({ server }) => server.close(100)));
  await rm(folder, { recursive: true });
});

const read = (path: string, handler: Handler, more: Partial<Route> = {}) =>
  testRoute(path, handler, { home: 'query', ...more });

/** The analytics side, on its socket. */
async function openBack(routes: readonly Route[]): Promise<OpenDoor> {
  const door = await openDoor([...routes, ...INTERNAL_ROUTES], { authenticator: null }, socketPath);
  opened.push(door);
  return door;
}

/** The public side, which has a door of its own for intake. */
async function openFront(routes: readonly Route[]): Promise<OpenDoor> {
  const tokens = [{ name: 'reader', secret: SECRET, scopes: ['query:*'], expiresAt: null, ratePerSecond: null }];
  const local = testRoute('/healthz', () => jsonAnswer(200, {}));
  const authenticator = new Authenticator(tokens, systemClock);
  const door = await openDoor([...routes, local], { forwarder, authenticator });
  opened.push(door);
  return door;
}

test('a read is answered by the other process: method, query, body, status, headers and request id pass', async () => {
  const route = read(
    '/v1/things/{id}',
    ({ params, query, body, requestId, headers }) =>
      jsonAnswer(
        201,
        { id: params.id, a: query.get('a'), body: body.toString(), requestId, seen: Object.keys(headers) },
        { etag: '"x"' },
      ),
    { method: 'POST', bodyBytesMax: 100 },
  );
  await openBack([route]);
  const { url } = await openFront([route]);
  const answer = await fetch(`${url}/v1/things/7?a=b%20c`, {
    method: 'POST',
    body: 'hello',
    headers: { cookie: 'a=b', authorization: 'Basic x', 'x-azud-principal': 'forged', 'x-own': '1' },
  });
  const body = (await answer.json()) as { seen: string[]; requestId: string };
  assert.equal(answer.status, 201);
  assert.equal(answer.headers.get('etag'), '"x"');
  assert.equal(answer.headers.get('x-request-id'), body.requestId);
  const { seen, requestId: _, ...rest } = body;
  assert.deepEqual(rest, { id: '7', a: 'b c', body: 'hello' });
  assert.ok(seen.includes('x-own') && !seen.includes('cookie') && !seen.includes('authorization'));
});

test('who asks is told by the front door alone', async () => {
  const route = read('/who', ({ principal }) => jsonAnswer(200, principal), { scope: 'any' });
  await openBack([route]);
  const { url } = await openFront([route]);
  const forged = Buffer.from('{"name":"root","scopes":["admin"]}').toString('base64url');
  const headers = { authorization: `Bearer ${SECRET}`, 'x-azud-principal': forged };
  assert.deepEqual(await (await fetch(`${url}/who`, { headers })).json(), { name: 'reader', scopes: ['query:*'] });
  assert.equal((await fetch(`${url}/who`, { headers: { 'x-azud-principal': forged } })).status, 401);
});

test('what the front door knows goes along, by a path that nobody outside can ask for', async () => {
  const route = read('/v1/things/{id}', () => jsonAnswer(200, { plain: true }), {
    scope: 'any',
    forwardedTo: async ({ params }) => (params.id === 'known' ? '/internal/things/known?more=1' : null),
  });
  const known = testRoute(
    '/internal/things/{id}',
    ({ params, query, principal }) => jsonAnswer(200, { ...params, more: query.get('more'), who: principal.name }),
    { scope: 'any' },
  );
  await openBack([route, known]);
  const { url } = await openFront([route]);
  const headers = { authorization: `Bearer ${SECRET}` };
  const ask = async (path: string) => (await fetch(`${url}${path}`, { headers })).json();
  assert.deepEqual(await ask('/v1/things/other'), { plain: true });
  assert.deepEqual(await ask('/v1/things/known'), { id: 'known', more: '1', who: 'reader' });
  assert.equal((await fetch(`${url}/internal/things/known?more=1`, { headers })).status, 404);
});

test('a problem of the other process arrives as it is', async () => {
  const route = read('/missing', () => {
    throw new TypeError('boom');
  });
  await openBack([route]);
  const { url } = await openFront([route]);
  const answer = await fetch(`${url}/missing`);
  assert.deepEqual([answer.status, answer.headers.get('content-type')], [500, 'application/problem+json']);
});

test('when nobody listens the answer is 503 with Retry-After at once, and intake is not touched', async () => {
  const route = read('/data', () => jsonAnswer(200, {}));
  const { url, port } = await openFront([route]);
  const answer = await fetch(`${url}/data`);
  const problem = (await answer.json()) as { code: string };
  assert.deepEqual([answer.status, problem.code, answer.headers.get('retry-after')], [503, 'unavailable', '1']);
  assert.equal((await rawRequest(port, 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')).status, 200);
});

test('when the other process hangs the answer is 503 soon, long before the time limit', async () => {
  // What a stopped process looks like: the kernel accepts, nobody answers.
  const hung = createServer((socket) => void socket.resume());
  await new Promise<void>((resolve) => hung.listen(socketPath, resolve));
  forwarder = new Forwarder({ socketPath, limits: { ...LIMITS, forwardTimeoutMs: 600_000 } });
  const route = read('/data', () => jsonAnswer(200, {}));
  const { url } = await openFront([route]);
  const answer = await fetch(`${url}/data`);
  assert.equal(answer.status, 503);
  assert.match(await answer.text(), /does not answer/);
  forwarder.close();
  await new Promise<void>((resolve) => hung.close(() => resolve()));
});

test('a process that is late with everything is waited for, and asked one question however many wait', async () => {
  const gate = Promise.withResolvers<void>();
  const asked: string[] = [];
  const late = createHttpServer((request, response) => {
    asked.push(request.url ?? '');
    void gate.promise.then(() => response.end('{}'));
  });
  await new Promise<void>((resolve) => late.listen(socketPath, resolve));
  forwarder = new Forwarder({ socketPath, limits: { ...LIMITS, pingTimeoutMs: 600_000 } });
  const { url } = await openFront([read('/data', () => jsonAnswer(200, {}))]);
  const begun = performance.now();
  const answers = Array.from({ length: 3 }, () => fetch(`${url}/data`));
  await eventually(() => {
    assert.deepEqual(asked.toSorted(), ['/data', '/data', '/data', PING_PATH]);
    assert.ok(performance.now() - begun > 4 * LIMITS.pingAfterMs);
  });
  gate.resolve();
  assert.deepEqual(
    (await Promise.all(answers)).map(({ status }) => status),
    [200, 200, 200],
  );
  forwarder.close();
  await new Promise<void>((resolve) => late.close(() => resolve()));
});

test('a slow answer of a live process is waited for', async () => {
  const gate = Promise.withResolvers<Answer>();
  const route = read('/slow', () => gate.promise);
  const back = await openBack([route]);
  const { url } = await openFront([route]);
  const asked = fetch(`${url}/slow`);
  await eventually(async () => {
    // Several pings have been answered by now.
    assert.match(await back.metrics.expose(), /http_route="\/internal\/ping",http_response_status_code="200"\} [3-9]/);
  });
  gate.resolve(jsonAnswer(200, { late: true }));
  assert.equal((await asked).status, 200);
});

test('answers stream both ways, and a client that goes away ends the work on the other side', async () => {
  let ended = false;
  const endless = read('/endless', (): Answer => ({ status: 200, headers: {}, body: chunks() }));
  async function* chunks(): AsyncGenerator<string> {
    try {
      for (;;) yield 'x'.repeat(10_000);
    } finally {
      ended = true;
    }
  }
  await openBack([endless]);
  const { url } = await openFront([endless]);
  const stop = new AbortController();
  const answer = await fetch(`${url}/endless`, { signal: stop.signal });
  const first = await answer.body?.getReader().read();
  assert.ok((first?.value?.length ?? 0) > 0);
  stop.abort();
  await eventually(() => assert.ok(ended));
});

test('a process that dies in the middle of its answer cuts the answer, so that nobody takes it for whole', async () => {
  const route = read('/half', (): Answer => ({ status: 200, headers: {}, body: half() }));
  async function* half(): AsyncGenerator<string> {
    yield 'half';
    throw new Error('died');
  }
  await openBack([route]);
  const { url } = await openFront([route]);
  const answer = await fetch(`${url}/half`);
  await assert.rejects(answer.text());
});

test('a process that was restarted is found again', async () => {
  const route = read('/data', () => jsonAnswer(200, {}));
  const back = await openBack([route]);
  const { url } = await openFront([route]);
  assert.equal((await fetch(`${url}/data`)).status, 200);
  await back.server.close(100);
  opened.splice(opened.indexOf(back), 1);
  assert.equal((await fetch(`${url}/data`)).status, 503);
  await openBack([route]);
  assert.equal((await fetch(`${url}/data`)).status, 200);
});
