import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { type Answer, jsonAnswer } from '../../src/http/answer.ts';
import { openDoor, testRoute } from '../support/door.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-http.ts';

/** What a bad client costs its neighbours: measured against the same door without it, in the same run. */

const GET = 'GET /ok HTTP/1.1\r\nhost: x\r\n\r\n';
const REQUESTS = 2_000;
const IDLE = 1_000;
/** The promise is +20 %; a shared machine is louder than that, and a door that is held up is slower by far. */
const FACTOR_MAX = 5;
const FLOOR_MS = 20;

const OK = testRoute('/ok', () => jsonAnswer(200, {}));
const ENDLESS = testRoute('/endless', (): Answer => ({ status: 200, headers: {}, body: chunks() }));

async function* chunks(): AsyncGenerator<Buffer> {
  for (;;) yield Buffer.alloc(1 << 16);
}

/** The p99 of one client's requests, one after the other, ms. */
async function p99(port: number): Promise<number> {
  const connection = await RawConnection.open(port);
  const times: number[] = [];
  for (let n = 0; n < REQUESTS; n += 1) {
    const begun = performance.now();
    connection.send(GET);
    assert.equal((await connection.answer()).status, 200);
    times.push(performance.now() - begun);
  }
  connection.cut();
  return times.sort((a, b) => a - b)[Math.floor(REQUESTS * 0.99)] ?? Number.POSITIVE_INFINITY;
}

async function comparedWithout(port: number, begin: () => Promise<readonly { cut(): void }[]>): Promise<void> {
  await p99(port);
  const alone = await p99(port);
  const others = await begin();
  const together = await p99(port);
  for (const other of others) other.cut();
  const limit = Math.max(FLOOR_MS, alone * FACTOR_MAX);
  assert.ok(together <= limit, `p99 ${alone.toFixed(2)} ms alone, ${together.toFixed(2)} ms together`);
}

test('1,000 idle sockets cost the others nothing', async () => {
  const { server, port } = await openDoor([OK]);
  await comparedWithout(port, () => Promise.all(Array.from({ length: IDLE }, () => RawConnection.open(port))));
  await server.close();
});

test('clients that never read cost the others nothing', async () => {
  const { server, port } = await openDoor([OK, ENDLESS]);
  await comparedWithout(port, async () => {
    const readers = Array.from({ length: 10 }, () => neverReads(port));
    await eventually(() => assert.equal(server.active, readers.length));
    return readers.map((socket) => ({ cut: () => socket.destroy() }));
  });
  await server.close();
});

function neverReads(port: number): Socket {
  const socket = connect(port, '127.0.0.1').pause();
  socket.on('error', () => {});
  socket.write('GET /endless HTTP/1.1\r\nhost: x\r\n\r\n');
  return socket;
}
