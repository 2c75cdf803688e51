import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  codesOf,
  idsOf,
  LOG_FOLDER,
  publishEach,
  readAll,
  releaseLocks,
  simulatedOwner,
} from '../../../test/support/log.ts';
import { type DiskCall, diskError, SimulatedDisk } from '../../../test/support/simulated-disk.ts';
import { isAzudError } from '../../error/azud-error.ts';
import { makeMessage } from '../conformance/messages.ts';
import { segmentPath } from './segment.ts';

/** What the kernel has in memory and the disk has not: it outlives the process, and not the power. */

/** Small enough that every few records begin a segment. */
const SMALL = { segmentBytesMax: 600 };
const FIRST_SEGMENT = segmentPath(LOG_FOLDER, 1);
const never = () => 0.999;

test('a segment that was named just before its process was killed holds what is acknowledged in it', async () => {
  const disk = new SimulatedDisk();
  const first = simulatedOwner(disk, SMALL);
  await first.open();
  const before = await publishEach(first, 2);
  // The rename of the next segment is made, and the process dies before the folder is synced.
  const died = Promise.withResolvers<void>();
  disk.gate = async ({ name }) => {
    if (name !== 'syncFolder') return;
    died.resolve();
    await new Promise(() => {});
  };
  void first.publish([makeMessage({ textBytes: 500 })]);
  await died.promise;
  disk.gate = null;
  await releaseLocks(disk);
  const second = simulatedOwner(disk, SMALL);
  await second.open();
  const after = await publishEach(second, 1);
  const found = disk.cutPower(() => 0);
  await releaseLocks(found);
  const third = simulatedOwner(found, SMALL);
  await third.open();
  assert.deepEqual(
    idsOf(await readAll(third)),
    [...before, ...after].map(({ id }) => id),
  );
});

test('what a failed sync left in memory alone is on the disk before readers are given it', async () => {
  const disk = new SimulatedDisk();
  const first = simulatedOwner(disk);
  await first.open();
  const before = await publishEach(first, 2);
  disk.random = () => 0;
  disk.fault = ({ name }: DiskCall) => (name === 'sync' ? diskError('EIO') : null);
  const unknown = makeMessage();
  assert.deepEqual(codesOf(await first.publish([unknown])), ['io-failed']);
  disk.fault = () => null;
  await releaseLocks(disk);
  const second = simulatedOwner(disk);
  await second.open();
  assert.equal((await readAll(second)).length, 3, 'it reads well');
  const [later] = await publishEach(second, 1);
  const found = disk.cutPower(never);
  await releaseLocks(found);
  const third = simulatedOwner(found);
  await third.open();
  assert.deepEqual(idsOf(await readAll(third)), [...before.map(({ id }) => id), unknown.id, later?.id]);
});

test('what a killed process had written and not synced is on the disk before readers are given it', async () => {
  const disk = new SimulatedDisk();
  const first = simulatedOwner(disk);
  await first.open();
  const before = await publishEach(first, 2);
  const died = Promise.withResolvers<void>();
  disk.gate = async ({ name }) => {
    if (name !== 'sync') return;
    died.resolve();
    await new Promise(() => {});
  };
  const unknown = makeMessage();
  void first.publish([unknown]);
  await died.promise;
  disk.gate = null;
  await releaseLocks(disk);
  const second = simulatedOwner(disk);
  await second.open();
  const read = idsOf(await readAll(second));
  assert.deepEqual(read, [...before.map(({ id }) => id), unknown.id]);
  const found = disk.cutPower(never);
  await releaseLocks(found);
  const third = simulatedOwner(found);
  await third.open();
  assert.deepEqual(idsOf(await readAll(third)), read);
});

test('a sealed segment ends with its last record, whatever zeros were laid ahead of it', async () => {
  const disk = new SimulatedDisk();
  const segmentBytesMax = 1_200_000;
  const owner = simulatedOwner(disk, { segmentBytesMax });
  await owner.open();
  const [small] = await publishEach(owner, 1);
  assert.ok(disk.bytes(FIRST_SEGMENT).length > 1_000_000, 'the zeros are there');
  const large = makeMessage({ textBytes: segmentBytesMax });
  assert.deepEqual(codesOf(await owner.publish([large])), ['ok']);
  assert.ok(disk.bytes(FIRST_SEGMENT).length < 1_000, 'the zeros are gone');
  assert.deepEqual(idsOf(await readAll(owner)), [small?.id, large.id]);
  await owner.close();
});

test('a sync that fails for want of room is as bad as any: the kernel may have dropped what it could not write', async () => {
  const disk = new SimulatedDisk();
  const fatal: Error[] = [];
  const owner = simulatedOwner(disk, { onFatal: (error) => fatal.push(error) });
  await owner.open();
  disk.fault = ({ name }) => (name === 'sync' ? diskError('ENOSPC') : null);
  assert.deepEqual(codesOf(await owner.publish([makeMessage()])), ['io-failed']);
  disk.fault = () => null;
  assert.deepEqual(codesOf(await owner.publish([makeMessage()])), ['io-failed']);
  assert.equal(fatal.length, 1);
  await owner.close();
});

test('a disk that fails while the log is read is named as such, whatever is asked', async () => {
  const disk = new SimulatedDisk();
  const owner = simulatedOwner(disk, { ...SMALL, retentionMs: 0 });
  await owner.open();
  const [message] = await publishEach(owner, 6);
  const { end } = await owner.backlog([]);
  for (const failing of ['list', 'open', 'read', 'size', 'readFile'] as const) {
    disk.fault = ({ name }) => (name === failing ? diskError('EIO') : null);
    const named = (error: unknown) => isAzudError(error, 'io-failed');
    const asked = [
      owner.backlog([{ stream: end[0]?.stream ?? '', offset: 2 }]),
      owner.subscribe([]),
      owner.find(message?.transactionId ?? ''),
      owner.release(end),
    ];
    for (const answer of asked) {
      await answer.catch((error: unknown) => assert.ok(named(error), `${failing}: ${error}`));
    }
  }
  disk.fault = ({ name }) => (name === 'truncate' ? diskError('EIO') : null);
  await assert.rejects(owner.close(), (error) => isAzudError(error, 'io-failed'));
});

test('the start removes nothing but locks and drafts', async () => {
  const disk = new SimulatedDisk();
  const first = simulatedOwner(disk, SMALL);
  await first.open();
  await publishEach(first, 6);
  await first.close();
  disk.calls.length = 0;
  const second = simulatedOwner(disk, SMALL);
  await second.open();
  const removes = disk.calls.filter(({ name, path }) => name === 'remove' && !path.endsWith('.tmp'));
  const removed = removes.map(({ path }) => path);
  assert.deepEqual(removed, ['/data/log/lock.1']);
  await second.close();
});
