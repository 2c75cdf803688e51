import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type Answer, type Client, clientOf, NDJSON, ndjson } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { balanceOf } from '../support/load.ts';
import { pause } from '../support/moments.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { type System, startSystem } from '../support/system.ts';
import { MemoryWatch } from './outage.ts';

export interface OverloadPlan {
  /** How long more is offered than can be taken, s. */
  readonly seconds: number;
  readonly say: (line: string) => void;
}

export interface Overload {
  /** Requests a second that were taken by two senders who wait for their answers. */
  readonly capacity: number;
  readonly offered: number;
  readonly taken: number;
  readonly refused: number;
  readonly growthBytes: number;
  /** From the end of the load until a single event is answered as fast as before, s. */
  readonly normalAfter: number;
}

/** "10 times the capacity." */
const FACTOR = 10;
const CAPACITY_MS = 2_000;
const TICK_MS = 20;
const NORMAL_WITHIN_MS = 5_000;
/** What a caller calls normal: no queue before it. */
const NORMAL_MS = 250;
/** What may be arriving, taken in and waiting for its commit at once, and its copies while it is inflated: bytes. */
const GROWTH_BYTES_MAX = 320 * 1024 * 1024;
const EVENTS = 500;
/** 5 MB of NDJSON in a twentieth as much gzip: cheap to send, and work to take in. */
const BODY = new Uint8Array(
  gzipSync(
    ndjson(Array.from({ length: EVENTS }, (_, n) => ({ n, customer: randomBytes(200).toString('hex').repeat(25) }))),
  ),
);
const GZIP = { ...NDJSON, 'content-encoding': 'gzip' };

/**
 * Offers ten times what intake was measured to take, by callers that do not wait for each other.
 * @throws AssertionError when an answer is neither 202 nor 503 with Retry-After, memory passes its bound, an acknowledged
 * event is missing, or it is not normal again within 5 s
 */
export async function runOverload({ seconds, say }: OverloadPlan): Promise<Overload> {
  const system = await startSystem({ config: ORDERS_CONFIG });
  const client = clientOf(system.url);
  try {
    const before = await capacityOf(client);
    const capacity = before / (CAPACITY_MS / 1_000);
    say(`capacity ${capacity.toFixed(1)} requests/s; offering ${(capacity * FACTOR).toFixed(0)}/s for ${seconds} s`);
    const { answers, growthBytes } = await offer(system, { perSecond: capacity * FACTOR, seconds });
    const begun = performance.now();
    await eventually(() => singleIsFast(client), { timeoutMs: NORMAL_WITHIN_MS, intervalMs: 100 });
    const normalAfter = (performance.now() - begun) / 1_000;
    const taken = answers.filter(({ status }) => status === 202).length;
    const refused = answers.filter(isRefusal).length;
    assert.equal(taken + refused, answers.length, `answers: ${answers.map(({ status }) => status).join(' ')}`);
    assert.ok(refused > 0, 'nothing was refused: this was no overload');
    assert.ok(growthBytes < GROWTH_BYTES_MAX, `intake grew by ${growthBytes} bytes`);
    await keptExactly(client, (before + taken) * EVENTS);
    return { capacity, offered: answers.length, taken, refused, growthBytes, normalAfter };
  } finally {
    await system.stop();
  }
}

function isRefusal({ status, headers }: Answer): boolean {
  return (status === 503 || status === 429) && Number(headers.get('retry-after')) >= 1;
}

/** Requests that two senders get answered, each after the one before. */
async function capacityOf(client: Client): Promise<number> {
  const end = performance.now() + CAPACITY_MS;
  let taken = 0;
  const sender = async () => {
    while (performance.now() < end) {
      assert.equal((await client.post('/v1/events/orders', BODY, GZIP)).status, 202);
      taken += 1;
    }
  };
  await Promise.all([sender(), sender()]);
  return taken;
}

/** Sends so many each second whether or not those before are answered. */
async function offer(
  system: System,
  { perSecond, seconds }: { perSecond: number; seconds: number },
): Promise<{ answers: Answer[]; growthBytes: number }> {
  const client = clientOf(system.url);
  const pid = (await system.children()).find(({ role }) => role === 'intake')?.pid ?? 0;
  const base = new MemoryWatch(pid);
  const bytesBefore = await base.stop();
  const watch = new MemoryWatch(pid);
  const begun = performance.now();
  const sent: Promise<Answer>[] = [];
  while (performance.now() - begun < seconds * 1_000) {
    const due = ((performance.now() - begun) / 1_000) * perSecond;
    while (sent.length < due) sent.push(client.post('/v1/events/orders', BODY, GZIP));
    await pause(TICK_MS);
  }
  const answers = await Promise.all(sent);
  return { answers, growthBytes: (await watch.stop()) - bytesBefore };
}

async function singleIsFast(client: Client): Promise<void> {
  const begun = performance.now();
  const { status } = await client.post('/v1/events/parcels', { id: 'after' });
  assert.equal(status, 202);
  const ms = performance.now() - begun;
  assert.ok(ms < NORMAL_MS, `a single event takes ${ms.toFixed(0)} ms`);
}

async function keptExactly(client: Client, events: number): Promise<void> {
  await eventually(
    async () => {
      const { accepted, stored, balanced } = await balanceOf(client, 'orders');
      assert.deepEqual([accepted, stored, balanced], [events, events, true]);
    },
    { timeoutMs: 300_000, intervalMs: 100 },
  );
}
