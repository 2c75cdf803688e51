import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { idsOf, LOG_FOLDER, publishEach, readAll, releaseLocks, simulatedOwner } from '../../../test/support/log.ts';
import { SimulatedDisk } from '../../../test/support/simulated-disk.ts';
import { isAzudError, messageOf } from '../../error/azud-error.ts';
import type { Position } from '../driver.ts';
import type { LogOwner } from './owner.ts';
import { readHeader, segmentPath } from './segment.ts';
import { beginTerm } from './terms.ts';

const SMALL = { segmentBytesMax: 700, retentionMs: 1e12, retentionBytes: 1e12 };

async function opened(disk: SimulatedDisk): Promise<LogOwner> {
  const owner = simulatedOwner(disk, SMALL);
  await owner.open();
  return owner;
}

/** The disk as a copy of its folder holds it, made while the log is written. */
async function copied(disk: SimulatedDisk): Promise<SimulatedDisk> {
  const copy = disk.copy();
  await releaseLocks(copy);
  return copy;
}

/** Where each record of the log lies, in order. */
async function positionsOf(owner: LogOwner): Promise<Position[]> {
  return (await readAll(owner)).map(({ position }) => position as Position);
}

async function refusalOf(owner: LogOwner, position: Position | undefined): Promise<string> {
  assert.ok(position);
  const said = new Set<string>();
  for (const ask of [() => owner.subscribe([position]), () => owner.backlog([position])]) {
    const error = await ask().then(
      () => null,
      (reason: unknown) => reason,
    );
    assert.ok(isAzudError(error, 'log-behind'), `${position.offset} is taken: ${error}`);
    said.add(messageOf(error));
  }
  return [...said].join();
}

async function headerOf(disk: SimulatedDisk) {
  const name = disk.names(LOG_FOLDER).findLast((each) => each.endsWith('.seg')) ?? '';
  const path = `${LOG_FOLDER}/${name}`;
  return readHeader(await disk.open(path, 'read'), path);
}

test('a log that was put back from an older copy is refused to whoever read what it lost, however far it has grown', async () => {
  const disk = new SimulatedDisk();
  const first = await opened(disk);
  await publishEach(first, 6);
  const copy = await copied(disk);
  await publishEach(first, 4);
  const [, , , , , sixth, , , , tenth] = await positionsOf(first);
  let owner = await opened(copy);
  assert.match(await refusalOf(owner, tenth), /come to 10, but the log ends at 6/);
  for (let start = 0; start < 4; start += 1) {
    await publishEach(owner, 7);
    assert.match(await refusalOf(owner, tenth), /come to 10, but this log went another way after 6/);
    const rest = await owner.backlog(sixth ? [sixth] : []);
    assert.equal(rest.messages, 7 * (start + 1), 'who read only what both hold goes on');
    await owner.close();
    owner = await opened(copy);
  }
  await owner.close();
});

test('what was written after the copy in a later term is refused too, at once and for ever', async () => {
  const disk = new SimulatedDisk();
  await publishEach(await opened(disk), 3);
  const copy = await copied(disk);
  await releaseLocks(disk);
  const later = await opened(disk);
  await publishEach(later, 1);
  const fourth = (await positionsOf(later)).at(-1);
  const owner = await opened(copy);
  await publishEach(owner, 5);
  assert.match(await refusalOf(owner, fourth), /come to 4, of a part that this log does not hold/);
});

test('a copy of a log that had begun its term and written nothing does not go on with that term', async () => {
  const disk = new SimulatedDisk();
  await publishEach(await opened(disk), 3);
  await releaseLocks(disk);
  const later = await opened(disk);
  const copy = await copied(disk);
  await publishEach(later, 2);
  const fourth = (await positionsOf(later))[3];
  const owner = await opened(copy);
  await publishEach(owner, 5);
  await refusalOf(owner, fourth);
});

test('a term whose records were cut at the start is not known any more', async () => {
  const disk = new SimulatedDisk();
  const first = await opened(disk);
  await publishEach(first, 3);
  const third = (await positionsOf(first)).at(-1);
  await first.close();
  const path = segmentPath(LOG_FOLDER, 1);
  disk.put(path, disk.bytes(path).subarray(0, -1));
  const owner = await opened(disk);
  await publishEach(owner, 5);
  assert.match(await refusalOf(owner, third), /went another way after 2/);
});

test('starts that publish nothing leave neither terms nor segments behind', async () => {
  const disk = new SimulatedDisk();
  for (let start = 0; start < 5; start += 1) await (await opened(disk)).close();
  const owner = await opened(disk);
  await publishEach(owner, 2);
  await owner.close();
  for (let start = 0; start < 5; start += 1) await (await opened(disk)).close();
  assert.deepEqual(
    (await headerOf(disk)).terms.map(({ first }) => first),
    [1, 3],
  );
  assert.equal(disk.names(LOG_FOLDER).filter((name) => name.endsWith('.seg')).length, 2);
});

test('terms that no position can name any more are forgotten', async () => {
  const disk = new SimulatedDisk();
  let last: Position | undefined;
  for (let start = 0; start < 6; start += 1) {
    const owner = simulatedOwner(disk, { ...SMALL, retentionMs: 0, retentionBytes: 0 });
    await owner.open();
    await publishEach(owner, 3);
    last = (await positionsOf(owner)).at(-1);
    await owner.release(last ? [last] : []);
    await owner.close();
  }
  const owner = await opened(disk);
  assert.equal((await owner.backlog(last ? [last] : [])).messages, 0);
  assert.ok((await headerOf(disk)).terms.length <= 3);
  const terms = [1, 4, 7].map((first) => ({ id: String(first), first }));
  const left = (oldest: number) => beginTerm(terms, { id: '9', end: 8, oldest }).map(({ first }) => first);
  assert.deepEqual(
    [left(4), left(5), left(8), left(9)],
    [
      [1, 4, 7, 9],
      [4, 7, 9],
      [7, 9],
      [7, 9],
    ],
  );
});

test('a log of an Azud without terms goes on, and its positions are taken as they are', async () => {
  const disk = new SimulatedDisk();
  const first = await opened(disk);
  const before = await publishEach(first, 2);
  await first.close();
  const path = segmentPath(LOG_FOLDER, 1);
  disk.put(path, withoutTerms(disk.bytes(path)));
  const owner = await opened(disk);
  const after = await publishEach(owner, 2);
  assert.deepEqual(
    idsOf(await readAll(owner)),
    [...before, ...after].map(({ id }) => id),
  );
  const positions = await positionsOf(owner);
  assert.deepEqual(
    positions.map(({ term }) => term === undefined),
    [true, true, false, false],
  );
  for (const position of positions) assert.equal((await owner.backlog([position])).messages, 4 - position.offset);
});

/** The header as it was before there were terms. */
function withoutTerms(segment: Buffer): Buffer {
  const end = 16 + segment.readUInt32LE(8);
  const { terms, ...rest } = JSON.parse(segment.toString('utf8', 16, end)) as { terms: unknown };
  assert.ok(terms);
  const json = Buffer.from(JSON.stringify(rest));
  const prefix = Buffer.from(segment.subarray(0, 16));
  prefix.writeUInt32LE(json.length, 8);
  prefix.writeUInt32LE(crc32(json, json.length), 12);
  return Buffer.concat([prefix, json, segment.subarray(end)]);
}
