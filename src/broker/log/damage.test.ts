import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codesOf, LOG_FOLDER, readAll, releaseLocks, simulatedOwner } from '../../../test/support/log.ts';
import { diskError, SimulatedDisk } from '../../../test/support/simulated-disk.ts';
import { isAzudError } from '../../error/azud-error.ts';
import type { Message } from '../../event/batch.ts';
import { decodeBatch } from '../../event/codec.ts';
import { makeMessage } from '../conformance/messages.ts';
import type { Damage } from '../driver.ts';
import type { LogOwner } from './owner.ts';
import { indexPath, segmentPath } from './segment.ts';

const OPTIONS = { segmentBytesMax: 1_200, retentionMs: 1e12, retentionBytes: 1e12 };
/** All in one segment. */
const TAIL = { ...OPTIONS, segmentBytesMax: 1e6 };
const FIRST = segmentPath(LOG_FOLDER, 1);
const EVENTS = [2, 1, 3, 1, 2, 4, 1, 2, 3, 1, 2, 1];

/** A log of a few segments whose first is sealed, closed; with what was published. */
async function writtenLog(options = OPTIONS) {
  const disk = new SimulatedDisk();
  const owner = simulatedOwner(disk, options);
  await owner.open();
  const messages = EVENTS.map((count, n) => makeMessage({ count, dataset: n % 2 ? 'b' : 'a' }));
  for (const message of messages) assert.deepEqual(codesOf(await owner.publish([message])), ['ok']);
  await owner.close();
  return { disk, messages };
}

async function opened(disk: SimulatedDisk): Promise<LogOwner> {
  const owner = simulatedOwner(disk, OPTIONS);
  await owner.open();
  return owner;
}

/** Events of each dataset that are read as they were sent, and those that come as dead letters. */
async function read(owner: LogOwner, sent: readonly Message[]) {
  const ids = new Set(sent.map(({ id }) => id));
  const sums = { a: 0, b: 0, dead: 0, records: 0, events: 0 };
  for (const { message } of await readAll(owner)) {
    const { count, rejects, dataset } = decodeBatch(message);
    assert.equal(ids.has(message.id), rejects.length === 0 && count > 0);
    sums[dataset as 'a' | 'b'] += message.events;
    sums.events += message.events;
    sums.dead += rejects.length;
    sums.records += 1;
  }
  return sums;
}

const ALL = { a: 13, b: 10, records: EVENTS.length, events: 23 };
const eventsIn = (damages: readonly Damage[]) =>
  damages.flatMap(({ lost }) => [...lost.values()]).reduce((sum, events) => sum + events, 0);

function flip(disk: SimulatedDisk, bit: number): void {
  const bytes = Buffer.from(disk.bytes(FIRST));
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  disk.put(FIRST, bytes);
}

test('behind any flipped bit of a sealed segment reading goes on: only what was hit is lost, and is there as dead letters', async () => {
  const { disk, messages } = await writtenLog();
  const bits = disk.bytes(FIRST).length * 8;
  const header = (16 + disk.bytes(FIRST).readUInt32LE(8)) * 8;
  for (let bit = 0; bit < bits; bit += 7) {
    const broken = disk.copy();
    flip(broken, bit);
    const owner = await opened(broken);
    const seen = await owner.repair.skip(false);
    assert.equal(seen.length, 1, `bit ${bit}`);
    await assert.rejects(readAll(owner), (error) => isAzudError(error, 'log-damaged'), 'a look changes nothing');
    const [damage] = await owner.repair.skip(true);
    assert.deepEqual(damage, seen[0]);
    assert.equal(damage?.places[0]?.records, bit < header ? 0 : 1);
    const sums = await read(owner, messages);
    assert.deepEqual(sums, { ...ALL, dead: eventsIn(seen) }, `bit ${bit}`);
    assert.ok(bit < header ? sums.dead === 0 : sums.dead > 0 && sums.dead <= 4);
    assert.equal(broken.bytes(damage?.kept ?? '').length, damage?.places[0]?.bytes);
    assert.deepEqual(await owner.repair.skip(true), []);
    const { accepted, end } = await owner.backlog([]);
    assert.deepEqual(Object.fromEntries(accepted ?? []), { a: 13, b: 10 });
    const none = await owner.backlog(end);
    assert.deepEqual([none.messages, none.bytes, none.queued.size], [0, 0, 0]);
    await owner.close();
  }
});

test('a segment that is cut short, or damaged in several places, loses no more than it must', async () => {
  const { disk, messages } = await writtenLog();
  const { length } = disk.bytes(FIRST);
  for (let bytes = 0; bytes < length; bytes += 9) {
    const broken = disk.copy();
    broken.put(FIRST, disk.bytes(FIRST).subarray(0, bytes));
    const owner = await opened(broken);
    const seen = await owner.repair.skip(true);
    assert.deepEqual(await read(owner, messages), { ...ALL, dead: eventsIn(seen) }, `cut at ${bytes}`);
    await owner.close();
  }
  const gone = disk.copy();
  const second = gone.names(LOG_FOLDER).filter((name) => name.endsWith('.seg'))[1];
  gone.put(`${LOG_FOLDER}/${second}`, null);
  const bereft = await opened(gone);
  const missing = await bereft.repair.skip(true);
  assert.deepEqual(await read(bereft, messages), { ...ALL, dead: eventsIn(missing) }, 'a segment is missing');
  assert.ok(eventsIn(missing) > 3);
  flip(disk, (length - 1) * 8);
  flip(disk, (16 + disk.bytes(FIRST).readUInt32LE(8) + 90) * 8);
  const owner = await opened(disk);
  const [damage] = await owner.repair.skip(true);
  assert.equal(damage?.places.length, 2);
  const sums = await read(owner, messages);
  assert.deepEqual(sums, { ...ALL, dead: eventsIn(damage ? [damage] : []) });
  assert.ok(sums.dead > 2 && sums.dead < 8);
});

test('killed or without power at any call, it is as before or done, and may be done again', async () => {
  const { disk, messages } = await writtenLog();
  flip(disk, (disk.bytes(FIRST).length - 1) * 8);
  let through = false;
  for (let cutAt = 1; !through; cutAt += 1) {
    const run = disk.copy();
    const owner = await opened(run);
    let calls = 0;
    run.fault = () => {
      calls += 1;
      return calls >= cutAt ? diskError('EIO') : null;
    };
    through = await owner.repair.skip(true).then(
      () => true,
      () => false,
    );
    for (const random of [() => 0, () => 0.999]) {
      const found = run.cutPower(random);
      await releaseLocks(found);
      const again = await opened(found);
      await again.repair.skip(true);
      const { dead, ...rest } = await read(again, messages);
      assert.deepEqual(rest, ALL, `cut at call ${cutAt}`);
      assert.ok(dead > 0);
      assert.deepEqual(Object.fromEntries((await again.backlog([])).accepted ?? []), { a: 13, b: 10 });
      await again.close();
    }
  }
});

test('what nothing tells of is left as it is', async () => {
  const { disk } = await writtenLog();
  flip(disk, 100);
  disk.put(indexPath(LOG_FOLDER, 1), null);
  const before = Buffer.from(disk.bytes(FIRST));
  const owner = await opened(disk);
  await assert.rejects(owner.repair.skip(true), (error) => isAzudError(error, 'log-damaged'));
  assert.ok(disk.bytes(FIRST).equals(before));
});

test('behind any flipped bit of the tail a start goes on once it is skipped: what the record says of itself is dead', async () => {
  const { disk, messages } = await writtenLog(TAIL);
  const size = disk.bytes(FIRST).length;
  const starts = recordsOf(disk.bytes(FIRST));
  const [header = 0] = starts;
  const last = starts.at(-1) as number;
  for (let bit = header * 8; bit < size * 8; bit += 11) {
    const broken = disk.copy();
    flip(broken, bit);
    const refused = simulatedOwner(broken, TAIL);
    const seen = await refused.repair.skipTail(false);
    if (bit >> 3 >= last) {
      assert.equal(seen, null, 'the last group commit is cut, as a write that was never finished');
      continue;
    }
    assert.equal(seen?.places.length, 1, `bit ${bit}`);
    await assert.rejects(refused.open(), (error) => isAzudError(error, 'log-damaged'), 'a look changes nothing');
    assert.deepEqual(await refused.repair.skipTail(true), seen);
    assert.equal(await refused.repair.skipTail(true), null);
    const owner = await opened(broken);
    const sums = await read(owner, messages);
    const hit = starts.findLastIndex((start) => start <= bit >> 3);
    assert.deepEqual([sums.records, sums.dead], [EVENTS.length, eventsIn([seen])], `bit ${bit}`);
    const offset = (bit >> 3) - (starts[hit] as number);
    if (seen.untold > 0) assert.deepEqual([seen.untold, sums.dead], [1, 0]);
    else if (!CLAIMS.some(([from, to]) => offset >= from && offset < to)) assert.equal(sums.dead, EVENTS[hit]);
    const { accepted } = await owner.backlog([]);
    assert.deepEqual(
      accepted?.values().reduce((sum, events) => sum + events, 0),
      sums.events,
      `bit ${bit}`,
    );
    await owner.close();
  }
});

test('killed or without power at any call, the tail is as before or done, and may be done again', async () => {
  const { disk, messages } = await writtenLog(TAIL);
  flip(disk, (recordsOf(disk.bytes(FIRST))[3] as number) * 8 + 100 * 8);
  let through = false;
  for (let cutAt = 1; !through; cutAt += 1) {
    const run = disk.copy();
    let calls = 0;
    run.fault = () => {
      calls += 1;
      return calls >= cutAt ? diskError('EIO') : null;
    };
    through = await simulatedOwner(run, TAIL)
      .repair.skipTail(true)
      .then(
        () => true,
        () => false,
      );
    for (const random of [() => 0, () => 0.999]) {
      const found = run.cutPower(random);
      await releaseLocks(found);
      await simulatedOwner(found, TAIL).repair.skipTail(true);
      const again = await opened(found);
      const { dead, ...rest } = await read(again, messages);
      assert.deepEqual([rest, dead], [ALL, EVENTS[3]], `cut at call ${cutAt}`);
      await again.close();
    }
  }
});

/** Where a record says how long it is, where it stands and what it holds: damage there may make it say something else. */
const CLAIMS = [
  [0, 8],
  [12, 20],
  [28, 32],
  [68, 70],
] as const;

/** First bytes of the records. */
function recordsOf(bytes: Buffer): number[] {
  const starts: number[] = [];
  let at = 16 + bytes.readUInt32LE(8);
  for (; starts.length < EVENTS.length; at += bytes.readUInt32LE(at + 4)) starts.push(at);
  return starts;
}
