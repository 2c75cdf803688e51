import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import {
  codesOf,
  hastyClock,
  idsOf,
  LOG_FOLDER,
  publishEach,
  readAll,
  releaseLocks,
  simulatedOwner,
} from '../../../test/support/log.ts';
import { type DiskCall, failing, SimulatedDisk } from '../../../test/support/simulated-disk.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLog } from '../../telemetry/log.ts';
import { makeMessage } from '../conformance/messages.ts';
import type { BrokerDriver } from '../driver.ts';

const onSegment = (name: DiskCall['name']) => (call: DiskCall) => call.name === name && call.path.includes('.seg');

/** What the disk holds when the process is gone. */
async function reopened(disk: SimulatedDisk): Promise<BrokerDriver> {
  const copy = disk.copy();
  await releaseLocks(copy);
  const owner = simulatedOwner(copy);
  await owner.open();
  return owner;
}

test('one sync serves all who publish at the same time', async () => {
  const disk = new SimulatedDisk();
  const owner = simulatedOwner(disk);
  await owner.open();
  const syncs = () => disk.calls.filter(onSegment('sync')).length;
  const before = syncs();
  await Promise.all(Array.from({ length: 500 }, () => owner.publish([makeMessage()])));
  assert.equal(syncs() - before, 1);
  await publishEach(owner, 3);
  assert.equal(syncs() - before, 4);
  await owner.close();
});

test('nothing is shown to a reader before it is synced', async () => {
  const disk = new SimulatedDisk();
  const owner = simulatedOwner(disk);
  await owner.open();
  const seen: number[] = [];
  disk.fault = (call) => {
    if (onSegment('sync')(call)) void owner.backlog([]).then(({ messages }) => seen.push(Number(messages)));
    return null;
  };
  await publishEach(owner, 3);
  disk.fault = () => null;
  await eventually(() => assert.deepEqual(seen, [0, 1, 2]));
  await owner.close();
});

for (const name of ['write', 'sync'] as const) {
  test(`after a failed ${name} nothing is acknowledged any more and the process is told to end`, async () => {
    for (const forever of [true, false]) {
      for (let n = 1; n <= 4; n += 1) {
        const disk = new SimulatedDisk();
        const fatal: Error[] = [];
        const owner = simulatedOwner(disk, { onFatal: (error) => fatal.push(error) });
        await owner.open();
        disk.fault = failing(onSegment(name), { n, code: 'EIO', forever });
        const messages = Array.from({ length: 8 }, () => makeMessage());
        const codes: string[] = [];
        for (const message of messages) codes.push(...codesOf(await owner.publish([message])));
        const acked = codes.filter((code) => code === 'ok').length;
        assert.deepEqual(codes, [
          ...codes.slice(0, acked).map(() => 'ok'),
          ...codes.slice(acked).map(() => 'io-failed'),
        ]);
        assert.ok(acked < 8);
        assert.equal(fatal.length, 1);
        assert.equal(idsOf(await readAll(owner)).length, acked, 'what is durable is still read');
        await owner.close();
        const again = await reopened(disk);
        assert.deepEqual(
          idsOf(await readAll(again)).slice(0, acked),
          messages.slice(0, acked).map(({ id }) => id),
        );
        await again.close();
      }
    }
  });
}

test('a full disk refuses, keeps what was acknowledged, and the log goes on by itself', async () => {
  for (const segmentBytesMax of [1e9, 700]) {
    for (let n = 1; n <= 12; n += 1) {
      const disk = new SimulatedDisk();
      const owner = simulatedOwner(disk, { clock: hastyClock, segmentBytesMax });
      await owner.open();
      disk.fault = failing((call) => call.name === 'write', { n, code: 'ENOSPC' });
      const acked: string[] = [];
      for (let i = 0; i < 20; i += 1) {
        const message = makeMessage();
        const publish = async () => assert.deepEqual(codesOf(await owner.publish([message])), ['ok']);
        await eventually(publish, { intervalMs: 1 });
        acked.push(message.id);
      }
      assert.deepEqual(idsOf(await readAll(owner)), acked);
      await owner.close();
      const again = await reopened(disk);
      assert.deepEqual(idsOf(await readAll(again)), acked);
      await again.close();
    }
  }
});

test('a disk that is nearly full refuses before it is full, with a time to try again', async () => {
  const disk = new SimulatedDisk();
  const owner = simulatedOwner(disk, {
    clock: hastyClock,
    limits: { diskUsedRatioMax: 0.95, reserveBytes: 1_000_000 },
  });
  disk.freeBytes = 50e6;
  await owner.open();
  const [result] = await owner.publish([makeMessage()]);
  assert.ok(result && 'error' in result);
  assert.equal(result.error.code, 'storage-full');
  assert.ok((result.error.retryAfterSeconds ?? 0) > 0);
  disk.freeBytes = 1e9;
  const message = makeMessage();
  await eventually(async () => assert.deepEqual(codesOf(await owner.publish([message])), ['ok']), { intervalMs: 1 });
  assert.deepEqual(idsOf(await readAll(owner)), [message.id]);
  assert.equal(disk.bytes(`${LOG_FOLDER}/reserve`).length, 1_000_000);
  await owner.close();
});

test('a disk that fills up is warned of once, before anything is refused, and again when it fills up again', async () => {
  const disk = new SimulatedDisk();
  const warnings: unknown[] = [];
  const log = { ...silentLog, warn: (message: string, fields: unknown) => void warnings.push([message, fields]) };
  const { totalBytes } = await disk.space('/data');
  let now = 0;
  const clock = { ...systemClock, monotonic: () => now };
  const owner = simulatedOwner(disk, { log, clock, limits: { diskUsedRatioMax: 0.95 } });
  await owner.open();
  for (const used of [0.5, 0.84, 0.86, 0.9, 0.8, 0.88]) {
    disk.freeBytes = Math.round(totalBytes * (1 - used));
    now += 10_000;
    assert.deepEqual(codesOf(await owner.publish([makeMessage()])), ['ok']);
  }
  const words = 'the disk is filling up: free some of it';
  assert.deepEqual(warnings, [
    [words, { used: '86.0 %', refuses_at: '95.0 %' }],
    [words, { used: '88.0 %', refuses_at: '95.0 %' }],
  ]);
  await owner.close();
});

test('opening on a full disk spends the reserve', async () => {
  const disk = new SimulatedDisk();
  const first = simulatedOwner(disk, { limits: { reserveBytes: 10_000 } });
  await first.open();
  const [message] = await publishEach(first, 1);
  await first.close();
  disk.freeBytes = 0;
  disk.fault = (call) => {
    const reserved = disk.bytes(`${LOG_FOLDER}/reserve`).length > 0;
    return call.name === 'truncate' && reserved ? Object.assign(new Error('full'), { code: 'ENOSPC' }) : null;
  };
  const owner = simulatedOwner(disk, { limits: { reserveBytes: 10_000 } });
  await owner.open();
  assert.equal(disk.bytes(`${LOG_FOLDER}/reserve`).length, 0);
  assert.deepEqual(idsOf(await readAll(owner)), [message?.id]);
  await owner.close();
});

test('closing makes everything durable that was taken, and refuses what comes later', async () => {
  const disk = new SimulatedDisk();
  const owner = simulatedOwner(disk);
  await owner.open();
  const taken = Array.from({ length: 50 }, () => owner.publish([makeMessage()]));
  const close = owner.close();
  assert.deepEqual(new Set((await Promise.all(taken)).flatMap(codesOf)), new Set(['ok']));
  await close;
  const again = await reopened(disk);
  assert.equal((await again.backlog([])).messages, 50);
  await again.close();
});
