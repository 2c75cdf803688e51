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
import { SimulatedDisk, seeded } from '../../../test/support/simulated-disk.ts';
import { isAzudError } from '../../error/azud-error.ts';
import { makeMessage } from '../conformance/messages.ts';
import { segmentPath } from './segment.ts';

const FIRST_SEGMENT = segmentPath(LOG_FOLDER, 1);

/** A log of single-record group commits whose process was killed; small segments hold no zeros ahead. */
async function killedLog(count: number, segmentBytesMax = 900_000) {
  const disk = new SimulatedDisk();
  const owner = simulatedOwner(disk, { segmentBytesMax });
  await owner.open();
  const ids = (await publishEach(owner, count)).map(({ id }) => id);
  const killed = disk.copy();
  await owner.close();
  await releaseLocks(killed);
  return { disk: killed, ids };
}

/** The killed log with another content of its first segment. */
async function withSegment(disk: SimulatedDisk, change: (bytes: Buffer) => Buffer): Promise<SimulatedDisk> {
  const copy = disk.copy();
  const bytes = change(Buffer.from(copy.bytes(FIRST_SEGMENT)));
  const file = await copy.open(FIRST_SEGMENT, 'write');
  await file.truncate(bytes.length);
  await file.write([bytes], 0);
  return copy;
}

test('a tail torn at any byte is recovered to exactly the records before it', async () => {
  const { disk, ids } = await killedLog(4);
  const whole = disk.bytes(FIRST_SEGMENT);
  const found = new Map<number, number>();
  for (let bytes = whole.length; bytes > whole.length - 500; bytes -= 1) {
    for (const zeros of [0, 700]) {
      const torn = await withSegment(disk, (content) =>
        Buffer.concat([content.subarray(0, bytes), Buffer.alloc(zeros)]),
      );
      const owner = simulatedOwner(torn);
      await owner.open();
      const held = idsOf(await readAll(owner));
      assert.deepEqual(held, ids.slice(0, held.length));
      found.set(held.length, (found.get(held.length) ?? 0) + 1);
      assert.equal(owner.recovered.bytesCut > 0 || bytes === torn.bytes(FIRST_SEGMENT).length, true);
      const later = makeMessage();
      assert.deepEqual(codesOf(await owner.publish([later])), ['ok']);
      assert.deepEqual(idsOf(await readAll(owner)), [...held, later.id]);
      await owner.close();
    }
  }
  assert.equal(found.get(4), 2, 'only the whole file holds the last record');
  assert.ok((found.get(3) ?? 0) > 200);
});

test('a flipped byte anywhere before the last group commit is refused at start, and named', async () => {
  const { disk, ids } = await killedLog(3);
  const { length } = disk.bytes(FIRST_SEGMENT);
  const lengths = { refused: 0, cut: 0 };
  for (let byte = 0; byte < length; byte += 1) {
    const flipped = await withSegment(disk, (content) => {
      content[byte] = (content[byte] ?? 0) ^ 0x10;
      return content;
    });
    const owner = simulatedOwner(flipped);
    try {
      await owner.open();
      // The last group commit cannot be told from one that was never finished.
      assert.deepEqual(idsOf(await readAll(owner)), ids.slice(0, 2), `byte ${byte}`);
      assert.ok(owner.recovered.bytesCut > 0);
      lengths.cut += 1;
      await owner.close();
    } catch (error) {
      assert.ok(isAzudError(error, 'log-damaged') && error.message.includes(FIRST_SEGMENT), `byte ${byte}: ${error}`);
      lengths.refused += 1;
    }
  }
  assert.ok(lengths.refused > length / 2 && lengths.cut < length / 3, JSON.stringify(lengths));
});

test('a flipped byte in a sealed segment stops the reader there, and nothing is skipped', async () => {
  const { disk, ids } = await killedLog(12, 800);
  const sealed = disk.bytes(FIRST_SEGMENT).length;
  for (let byte = 0; byte < sealed; byte += 1) {
    const flipped = await withSegment(disk, (content) => {
      content[byte] = (content[byte] ?? 0) ^ 0x01;
      return content;
    });
    const owner = simulatedOwner(flipped, { segmentBytesMax: 800 });
    await owner.open();
    const held: string[] = [];
    const read = async () => {
      const subscription = await owner.subscribe([]);
      const signal = AbortSignal.timeout(5_000);
      for (let n = 0; n < 12 && !signal.aborted; n += 1) {
        held.push(...idsOf(await subscription.receive({ messagesMax: 1, bytesMax: 1, signal })));
      }
    };
    await assert.rejects(read(), (error) => isAzudError(error, 'log-damaged') && error.message.includes('.seg'));
    assert.deepEqual(held, ids.slice(0, held.length), `byte ${byte}`);
    assert.deepEqual(codesOf(await owner.publish([makeMessage()])), ['ok'], 'intake goes on');
    await owner.close();
  }
});

test('an index that is missing or damaged is made again', async () => {
  for (const change of ['missing', 'damaged'] as const) {
    const { disk, ids } = await killedLog(12, 800);
    const index = `${LOG_FOLDER}/0000000000000001.idx`;
    assert.ok(disk.bytes(index).length > 0);
    if (change === 'missing') await disk.remove(index);
    else disk.bytes(index).fill(0x20, 12, 20);
    const owner = simulatedOwner(disk);
    await owner.open();
    assert.equal((await owner.backlog([])).queued.get('flights'), 12);
    assert.deepEqual(idsOf(await readAll(owner)), ids);
    await owner.close();
  }
});

test('no power cut loses what was acknowledged, refuses to start, or shows half a record', async () => {
  const seed = Date.now() % 1e9;
  for (let state = 0; state < 1_000; state += 1) {
    const random = seeded(seed + state);
    const disk = new SimulatedDisk();
    const segmentBytesMax = state % 20 === 0 ? 1e9 : 500 + Math.floor(random() * 4_000);
    const owner = simulatedOwner(disk, { segmentBytesMax });
    await owner.open();
    const acked: string[] = [];
    const cutAt = 1 + Math.floor(random() * 60);
    const cut = Promise.withResolvers<SimulatedDisk>();
    let calls = 0;
    disk.fault = () => {
      calls += 1;
      if (calls === cutAt) cut.resolve(disk.cutPower(random));
      return calls >= cutAt ? Object.assign(new Error('no power'), { code: 'EIO' }) : null;
    };
    for (let n = 0; n < 30 && calls < cutAt; n += 1) {
      const messages = Array.from({ length: 1 + Math.floor(random() * 6) }, () =>
        makeMessage({ textBytes: Math.floor(random() * 900) }),
      );
      const results = await owner.publish(messages);
      acked.push(...messages.filter((_, i) => 'position' in (results[i] ?? {})).map(({ id }) => id));
    }
    const found = calls >= cutAt ? await cut.promise : disk.cutPower(random);
    await assertHolds(await cutWhileOpening(found, random), acked, `seed ${seed + state}`);
  }
});

/** The power goes again while the log recovers, at any of its calls or after the last. */
async function cutWhileOpening(disk: SimulatedDisk, random: () => number): Promise<SimulatedDisk> {
  await releaseLocks(disk);
  const cutAt = 1 + Math.floor(random() * 30);
  let calls = 0;
  let cut: SimulatedDisk | null = null;
  disk.fault = () => {
    calls += 1;
    if (calls === cutAt) cut = disk.cutPower(random);
    return calls >= cutAt ? Object.assign(new Error('no power'), { code: 'EIO' }) : null;
  };
  await simulatedOwner(disk)
    .open()
    .catch(() => undefined);
  return cut ?? disk.cutPower(random);
}

async function assertHolds(disk: SimulatedDisk, acked: readonly string[], name: string): Promise<void> {
  await releaseLocks(disk);
  const owner = simulatedOwner(disk);
  await owner.open();
  assert.deepEqual(idsOf(await readAll(owner)).slice(0, acked.length), acked, name);
  const later = makeMessage();
  assert.deepEqual(codesOf(await owner.publish([later])), ['ok'], name);
  assert.equal(idsOf(await readAll(owner)).at(-1), later.id, name);
  await owner.close();
}
