import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AzudError, isAzudError } from '../../error/azud-error.ts';
import { systemClock } from '../../lib/clock.ts';
import { nodeIo } from '../../lib/node-io.ts';
import { acquireLock } from './lock.ts';

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'azud-lock-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const options = (folder: string) => ({ io: nodeIo, folder, clock: systemClock, patienceMs: 100 });
const isLocked = (error: unknown) => isAzudError(error, 'locked');

test('a second owner is refused and told who the first one is', () =>
  inFolder(async (folder) => {
    const lock = await acquireLock(options(folder));
    await assert.rejects(
      acquireLock(options(folder)),
      (error) =>
        error instanceof AzudError && isLocked(error) && error.message.includes(`locked by pid ${process.pid}`),
    );
    await lock.release();
    await (await acquireLock(options(folder))).release();
  }));

test('a holder that is just ending is waited for', () =>
  inFolder(async (folder) => {
    const lock = await acquireLock(options(folder));
    const second = acquireLock({ ...options(folder), patienceMs: 5_000 });
    await lock.release();
    await (await second).release();
  }));

test('a lock of a killed process is taken over at once', () =>
  inFolder(async (folder) => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    await writeFile(join(folder, 'lock.1'), JSON.stringify({ pid: child.pid, started: null }));
    await assert.rejects(acquireLock(options(folder)), isLocked);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await acquireLock(options(folder));
    assert.equal(JSON.parse(await readFile(join(folder, 'lock.2'), 'utf8')).pid, process.pid);
    assert.deepEqual(await readdir(folder), ['lock.2']);
  }));

test('a pid that another process has now does not keep the lock', () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, 'lock.1'), JSON.stringify({ pid: process.ppid, started: '1' }));
    // Only /proc tells two lives of one pid apart; elsewhere the lock stays with the pid.
    if ((await nodeIo.readFile('/proc/self/stat')) === null)
      await assert.rejects(acquireLock(options(folder)), isLocked);
    else await acquireLock(options(folder));
  }));

test('a lock file that says nothing is taken over when nobody completes it', () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, 'lock.1'), '');
    await acquireLock(options(folder));
  }));

test('of many who find a stale lock one gets it', () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, 'lock.1'), JSON.stringify({ pid: 2 ** 22 + 1, started: '1' }));
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => acquireLock(options(folder))));
    assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
  }));

test('many who take turns never hold it together', () =>
  inFolder(async (folder) => {
    let holders = 0;
    const worker = async () => {
      for (let turn = 0; turn < 10; turn += 1) {
        const lock = await acquireLock({ ...options(folder), patienceMs: 60_000 });
        holders += 1;
        assert.equal(holders, 1);
        await readdir(folder);
        holders -= 1;
        await lock.release();
      }
    };
    await Promise.all(Array.from({ length: 6 }, worker));
  }));
