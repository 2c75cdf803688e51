import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { systemClock } from '../../lib/clock.ts';
import { IdleCheckpoint } from './idle-checkpoint.ts';
import { filesOf, type StoreFiles } from './recovery.ts';

let folder: string;
let files: StoreFiles;
let checkpoints = 0;
let merges = 0;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'azud-idle-'));
  files = filesOf(join(folder, 'store.duckdb'));
  checkpoints = 0;
  merges = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const idleCheckpoint = (clock = systemClock) =>
  new IdleCheckpoint({
    files,
    clock,
    checkpoint: async ({ merge }) => {
      checkpoints += 1;
      if (merge) merges += 1;
    },
  });

async function walOf(bytes: number): Promise<void> {
  await writeFile(files.wal, '');
  await truncate(files.wal, bytes);
}

const APPENDED = { replaced: false };

/** A clock on which `pass` ends every sleep. */
function heldClock() {
  const sleepers: (() => void)[] = [];
  const sleep = (_ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      sleepers.push(resolve);
      signal?.addEventListener('abort', () => resolve());
    });
  return { clock: { ...systemClock, sleep }, pass: () => sleepers.splice(0).forEach((wake) => void wake()) };
}

describe('the checkpoint of an idle store', () => {
  test('folds a large write-ahead log once no unit follows', async () => {
    await walOf(40 * 1024 * 1024);
    idleCheckpoint().schedule(APPENDED);
    await eventually(async () => assert.equal(checkpoints, 1));
  });

  test('gives way to the next unit, and comes after it', async () => {
    await walOf(40 * 1024 * 1024);
    const { clock, pass } = heldClock();
    const idle = idleCheckpoint(clock);
    idle.schedule(APPENDED);
    idle.cancel();
    idle.schedule(APPENDED);
    pass();
    await eventually(async () => assert.equal(checkpoints, 1));
  });

  test('leaves row groups as they are, but after a calm minute, or where rows were replaced', async () => {
    await walOf(40 * 1024 * 1024);
    let now = 0;
    const idle = idleCheckpoint({ ...systemClock, monotonic: () => now });
    const merged = async (replaced: boolean) => {
      const [before, mergesBefore] = [checkpoints, merges];
      idle.schedule({ replaced });
      await eventually(async () => assert.equal(checkpoints, before + 1));
      return merges > mergesBefore;
    };
    assert.equal(await merged(false), false);
    assert.equal(await merged(true), true);
    assert.equal(await merged(false), false);
    for (let folds = 0; folds < 3; folds += 1) {
      now += 59_000;
      assert.equal(await merged(false), false);
    }
    now += 60_000;
    assert.equal(await merged(false), true);
    assert.equal(await merged(false), false);
  });
});
