import assert from 'node:assert/strict';
import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { eventually } from '../../../test/support/eventually.ts';
import { codesOf, eagerClock, idsOf, publishEach } from '../../../test/support/log.ts';
import { isAzudError, messageOf } from '../../error/azud-error.ts';
import { systemClock } from '../../lib/clock.ts';
import { nodeIo } from '../../lib/node-io.ts';
import { silentLog } from '../../telemetry/log.ts';
import { makeMessage } from '../conformance/messages.ts';
import { LogClient } from './client.ts';
import { LogOwner } from './owner.ts';

let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'azud-client-'));
});
afterEach(() => rm(dataDir, { recursive: true }));

async function newOwner(): Promise<LogOwner> {
  const owner = new LogOwner({
    dataDir,
    io: nodeIo,
    clock: systemClock,
    log: silentLog,
    onFatal: (error) => assert.fail(error.message),
    segmentBytesMax: 1e6,
    retentionMs: 1e12,
    retentionBytes: 1e12,
    limits: { reserveBytes: 0, diskUsedRatioMax: 1 },
  });
  await owner.open();
  return owner;
}

const newClient = () => new LogClient({ dataDir, io: nodeIo, clock: eagerClock });

const COMINGS = 25;

/** Asks the client everything, again and again, and answers what it was refused with. */
function askWithoutEnd(client: LogClient): { stop(): Promise<readonly unknown[]> } {
  const refusals: unknown[] = [];
  let asking = true;
  const calls = [
    () => client.publish([makeMessage()]),
    () => client.backlog([]),
    () => client.find(makeMessage().transactionId),
    () => client.release([]),
  ];
  const all = calls.map(async (call) => {
    while (asking) {
      await call().catch((error: unknown) => void refusals.push(error));
      // A refusal is immediate; the owner needs its turns to come back.
      await nextTurn();
    }
  });
  return {
    async stop() {
      asking = false;
      await Promise.all(all);
      return refusals;
    },
  };
}

/** node:test fails a test that leaves an unhandled rejection behind, which in a process of Azud's would end it. */
test('an owner that comes and goes: what is asked meanwhile is refused or done, never left unanswered, and the reader reads on', async () => {
  let owner = await newOwner();
  const client = newClient();
  await client.open();
  const subscription = await client.subscribe([]);
  const asking = askWithoutEnd(client);
  const published: string[] = [];
  const found = new Set<string>();
  const signal = AbortSignal.timeout(20_000);
  for (let n = 0; n < COMINGS; n += 1) {
    const [message] = await publishEach(owner, 1);
    published.push(message?.id ?? '');
    await owner.close();
    owner = await newOwner();
  }
  while (!signal.aborted && published.some((id) => !found.has(id))) {
    const deliveries = await subscription.receive({ messagesMax: 1_000, bytesMax: 1e8, signal });
    for (const id of idsOf(deliveries)) found.add(id);
    await subscription.ack(deliveries);
  }
  const refusals = await asking.stop();
  assert.deepEqual(
    published.filter((id) => !found.has(id)),
    [],
  );
  const unexpected = refusals.filter(
    (error) => !['not-connected', 'unavailable', 'draining'].some((code) => isAzudError(error) && error.code === code),
  );
  assert.deepEqual(unexpected.map(messageOf), []);
  assert.ok(refusals.length > 0);
  await eventually(async () => assert.deepEqual(codesOf(await client.publish([makeMessage()])), ['ok']));
  await subscription.close();
  await client.close();
  await owner.close();
});

test('a client says that its owner is away, and an open that failed may be tried again', async () => {
  const client = new LogClient({ dataDir, io: nodeIo, clock: eagerClock, patienceMs: 1 });
  assert.equal(client.refusal()?.code, 'not-connected');
  await assert.rejects(client.open(), (error) => isAzudError(error, 'not-connected'));
  const owner = await newOwner();
  await eventually(() => client.open());
  assert.equal(client.refusal(), null);
  await owner.close();
  await eventually(() => assert.equal(client.refusal()?.code, 'not-connected'));
  assert.equal(owner.refusal()?.code, 'not-connected');
  await client.close();
});

test('a client names the terms as its owner does, whatever starts that published nothing left behind', async () => {
  let owner = await newOwner();
  const client = newClient();
  await client.open();
  const subscription = await client.subscribe([]);
  const signal = AbortSignal.timeout(20_000);
  for (let start = 0; start < 3; start += 1) {
    const results = await owner.publish([makeMessage()]);
    const deliveries = await subscription.receive({ messagesMax: 10, bytesMax: 1e8, signal });
    assert.deepEqual(
      deliveries.map(({ position }) => ({ position })),
      results,
    );
    assert.deepEqual((await client.backlog([])).end, [deliveries[0]?.position]);
    for (let idle = 0; idle < 2; idle += 1) {
      await owner.close();
      owner = await newOwner();
      await eventually(() => client.backlog([]));
    }
  }
  await client.close();
  await owner.close();
});

test('a client whose owner comes back with an older copy of the log reads no further', async () => {
  let owner = await newOwner();
  await publishEach(owner, 2);
  await owner.close();
  await cp(join(dataDir, 'log'), join(dataDir, 'copy'), { recursive: true });
  owner = await newOwner();
  const client = newClient();
  await client.open();
  const subscription = await client.subscribe([]);
  await publishEach(owner, 2);
  const signal = AbortSignal.timeout(20_000);
  const read = () => subscription.receive({ messagesMax: 10, bytesMax: 1e8, signal });
  for (let found = 0; found < 4; ) found += (await read()).length;
  await owner.close();
  await rm(join(dataDir, 'log'), { recursive: true });
  await rename(join(dataDir, 'copy'), join(dataDir, 'log'));
  owner = await newOwner();
  await publishEach(owner, 9);
  await assert.rejects(read(), (error) => isAzudError(error, 'log-behind'));
  await client.close();
  await owner.close();
});
