import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { RunningAzud } from '../../src/app/start.ts';
import { type Client, clientOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { balanceOf } from '../support/load.ts';
import { startInMemory } from '../support/memory.ts';
import { RawConnection } from '../support/raw-http.ts';

/** A connection that is cut in the middle of a request: at every byte of it. */

const BODY = JSON.stringify([{ n: 1, customer: 'ñandú' }, { n: 2 }]);
const HEAD = 'POST /v1/events/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
const PLAIN = Buffer.from(`${HEAD}content-length: ${Buffer.byteLength(BODY)}\r\n\r\n${BODY}`);
const CHUNKS = [BODY.slice(0, 20), BODY.slice(20)];
const CHUNKED = Buffer.from(
  `${HEAD}transfer-encoding: chunked\r\n\r\n${CHUNKS.map((chunk) => `${Buffer.byteLength(chunk).toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`,
);
const TOGETHER = 32;

let azud: RunningAzud;
let client: Client;

before(async () => {
  azud = await startInMemory();
  client = clientOf(azud.url);
});
after(() => azud.close());

for (const [form, request] of [
  ['with a length', PLAIN],
  ['in chunks', CHUNKED],
] as const) {
  test(`cut at every byte of a request ${form}: nothing of it is stored, and the next is served`, async () => {
    const { accepted } = (await balanceOf(client, 'orders')) ?? { accepted: 0 };
    for (let bytes = 1; bytes < request.length; bytes += TOGETHER) {
      const lengths = Array.from({ length: Math.min(TOGETHER, request.length - bytes) }, (_, n) => bytes + n);
      await Promise.all(lengths.map((length) => sendAndCut(request.subarray(0, length))));
    }
    const whole = await RawConnection.open(azud.port);
    whole.send(request);
    assert.equal((await whole.answer()).status, 202);
    whole.cut();
    await eventually(async () => {
      const sums = await balanceOf(client, 'orders');
      assert.deepEqual([sums.accepted, sums.stored, sums.balanced], [accepted + 2, accepted + 2, true]);
    });
  });
}

/** The bytes are on their way before the connection is reset: what was sent is read, and nothing more comes. */
async function sendAndCut(bytes: Buffer): Promise<void> {
  const connection = await RawConnection.open(azud.port);
  await connection.sendAll(bytes);
  connection.cut();
}
