import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { codesOf, eagerClock, idsOf, publishEach, readAll } from '../../../test/support/log.ts';
import { isAzudError } from '../../error/azud-error.ts';
import { systemClock } from '../../lib/clock.ts';
import { nodeIo } from '../../lib/node-io.ts';
import { silentLog } from '../../telemetry/log.ts';
import { makeMessage } from '../conformance/messages.ts';
import { LogClient } from './client.ts';
import { LogOwner } from './owner.ts';

const CHILD = new URL('../../../test/support/log-child.ts', import.meta.url).pathname;
const CYCLES = 10;

function ownerOf(dataDir: string): LogOwner {
  return new LogOwner({
    dataDir,
    io: nodeIo,
    clock: systemClock,
    log: silentLog,
    onFatal: (error) => {
      throw error;
    },
    segmentBytesMax: 200_000,
    retentionMs: 1e12,
    retentionBytes: 1e12,
    limits: { reserveBytes: 0, diskUsedRatioMax: 1 },
  });
}

async function inFolder(name: string, run: (dataDir: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'azud-kill-'));
  const dataDir = join(folder, name);
  try {
    await run(dataDir);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Lets a writer publish until it has acknowledged so many, kills it, and answers all the ids it printed. */
async function killedAfter(dataDir: string, count: number): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text.length > count * 37) child.kill('SIGKILL');
  });
  await once(child, 'close');
  assert.equal(child.signalCode, 'SIGKILL');
  return text.split('\n').slice(0, -1);
}

test('a writer killed again and again loses nothing that it acknowledged', () =>
  inFolder('data', async (dataDir) => {
    const acked: string[] = [];
    for (let cycle = 0; cycle < CYCLES; cycle += 1) {
      acked.push(...(await killedAfter(dataDir, 1 + Math.floor(Math.random() * 2_000))));
    }
    const owner = ownerOf(dataDir);
    await owner.open();
    const held = idsOf(await readAll(owner));
    const set = new Set(held);
    assert.equal(set.size, held.length, 'nothing stands there twice');
    assert.deepEqual(
      acked.filter((id) => !set.has(id)),
      [],
    );
    assert.equal((await owner.backlog([])).queued.get('flights'), held.length);
    await owner.close();
  }));

test('a client waits for an owner that restarts: its subscription goes on, a publish in between is refused', () =>
  // So deep that the socket must lie elsewhere.
  inFolder('deep'.repeat(30), async (dataDir) => {
    let owner = ownerOf(dataDir);
    await owner.open();
    const client = new LogClient({ dataDir, io: nodeIo, clock: eagerClock });
    await client.open();
    const subscription = await client.subscribe([]);
    const [first] = await publishEach(owner, 1);
    const options = { messagesMax: 10, bytesMax: 1e6, signal: AbortSignal.timeout(10_000) };
    const deliveries = await subscription.receive(options);
    assert.deepEqual(idsOf(deliveries), [first?.id]);
    await subscription.ack(deliveries);
    const waiting = subscription.receive(options);
    await owner.close();
    await assert.rejects(
      client.publish([makeMessage()]),
      (error) => isAzudError(error, 'not-connected') || isAzudError(error, 'unavailable'),
    );
    owner = ownerOf(dataDir);
    await owner.open();
    const [second] = await publishEach(owner, 1);
    assert.deepEqual(idsOf(await waiting), [second?.id]);
    assert.deepEqual(codesOf(await client.publish([makeMessage()])), ['ok']);
    const stored = await owner.find(first?.transactionId ?? '');
    assert.deepEqual(stored, [], 'the owner is told again how far the store is: what is there is not looked for');
    await client.close();
    await owner.close();
  }));

test('a client without an owner is not connected', () =>
  inFolder('data', async (dataDir) => {
    const client = new LogClient({ dataDir, io: nodeIo, clock: eagerClock, patienceMs: 1 });
    await assert.rejects(client.open(), (error) => isAzudError(error, 'not-connected'));
  }));

test('a second owner of the same folder is told who holds it', () =>
  inFolder('data', async (dataDir) => {
    const owner = ownerOf(dataDir);
    await owner.open();
    const second = ownerOf(dataDir);
    await assert.rejects(second.open(), (error) => isAzudError(error, 'locked'));
    await owner.close();
  }));
