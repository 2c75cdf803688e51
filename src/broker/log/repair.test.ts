import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOG_FOLDER, publishEach, readAll, releaseLocks, simulatedOwner } from '../../../test/support/log.ts';
import { SimulatedDisk } from '../../../test/support/simulated-disk.ts';
import type { Message } from '../../event/batch.ts';
import type { Position, Progress } from '../driver.ts';
import type { LogOwner } from './owner.ts';

const SMALL = { segmentBytesMax: 700, retentionMs: 1e12, retentionBytes: 1e12 };

async function opened(disk: SimulatedDisk): Promise<LogOwner> {
  await releaseLocks(disk).catch(() => undefined);
  const owner = simulatedOwner(disk, SMALL);
  await owner.open();
  return owner;
}

/** What the store has read: all that the log holds, as it is now. */
async function readBy(owner: LogOwner) {
  const deliveries = await readAll(owner);
  const ids = new Set(deliveries.map(({ message }) => message.id));
  const asked: string[] = [];
  const holds = async ({ id }: Message) => {
    asked.push(id);
    return ids.has(id);
  };
  return { progress: [deliveries.at(-1)?.position as Position] as Progress, holds, asked };
}

test('the fork is where the term of the store ends in this log, without a look at the store', async () => {
  const disk = new SimulatedDisk();
  const first = await opened(disk);
  await publishEach(first, 5);
  const copy = disk.copy();
  await publishEach(first, 4);
  const { progress, holds, asked } = await readBy(first);
  const owner = await opened(copy);
  for (let more = 0; more < 3; more += 1) {
    const fork = await owner.repair.fork(progress, holds);
    assert.equal(fork?.shared[0]?.offset, 5);
    assert.equal(await owner.repair.fork(fork.shared, holds), null);
    await publishEach(owner, 6);
  }
  assert.deepEqual(asked, []);
});

test('where the log does not know the term the records tell: the fork is the last that the store has written', async () => {
  for (const shared of [1, 4, 9]) {
    const disk = new SimulatedDisk();
    await publishEach(await opened(disk), shared);
    const copy = disk.copy();
    const later = await opened(disk);
    await publishEach(later, 12);
    const { progress, holds } = await readBy(later);
    for (let start = 0; start < 3; start += 1) {
      const owner = await opened(copy);
      const fork = await owner.repair.fork(progress, holds);
      assert.equal(fork?.shared[0]?.offset, shared, `after start ${start}`);
      await publishEach(owner, 7);
    }
  }
});

test('with a log begun anew a store shares nothing, and with one that has let go of its beginning all that is gone', async () => {
  const { progress, holds } = await readBy(await withRecords(5));
  const other = await withRecords(9);
  assert.deepEqual((await other.repair.fork(progress, holds))?.shared, []);
  const disk = new SimulatedDisk();
  const released = simulatedOwner(disk, { ...SMALL, retentionMs: 0, retentionBytes: 0 });
  await released.open();
  await publishEach(released, 20);
  await released.release((await readBy(released)).progress);
  const oldest = Number.parseInt(disk.names(LOG_FOLDER).find((name) => name.endsWith('.seg')) ?? '', 10);
  assert.ok(oldest > 1);
  assert.equal((await released.repair.fork(progress, holds))?.shared[0]?.offset, oldest - 1);
});

test('a position without a term is told by the records', async () => {
  const disk = new SimulatedDisk();
  const first = await opened(disk);
  await publishEach(first, 3);
  const copy = disk.copy();
  await publishEach(first, 5);
  const { progress, holds } = await readBy(first);
  const plain = progress.map(({ stream, offset }) => ({ stream, offset }));
  const owner = await opened(copy);
  await publishEach(owner, 2);
  assert.equal((await owner.repair.fork(plain, holds))?.shared[0]?.offset, 3);
});

test('what was read before it was damaged and skipped is not taken for something that only the log has', async () => {
  const disk = new SimulatedDisk();
  const first = await opened(disk);
  await publishEach(first, 8);
  await first.close();
  const copy = disk.copy();
  const later = await opened(disk);
  await publishEach(later, 3);
  const { progress, holds } = await readBy(later);
  for (const name of copy.names(LOG_FOLDER).filter((each) => each.endsWith('.seg'))) {
    const path = `${LOG_FOLDER}/${name}`;
    const bytes = Buffer.from(copy.bytes(path));
    bytes[bytes.length - 3] = 0;
    copy.put(path, bytes);
  }
  const tail = copy.names(LOG_FOLDER).findLast((name) => name.endsWith('.seg'));
  copy.put(`${LOG_FOLDER}/${tail}`, disk.bytes(`${LOG_FOLDER}/${tail}`));
  const owner = await opened(copy);
  assert.ok((await owner.repair.skip(true)).length > 1);
  await publishEach(owner, 9);
  assert.equal((await owner.repair.fork(progress, holds))?.shared[0]?.offset, 8);
});

async function withRecords(count: number): Promise<LogOwner> {
  const owner = await opened(new SimulatedDisk());
  await publishEach(owner, count);
  return owner;
}
