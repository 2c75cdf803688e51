import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeIo } from './node-io.ts';

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'azud-io-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const hasCode = (code: string) => (error: unknown) => (error as NodeJS.ErrnoException).code === code;

test('a file is created once, written at a position, read back and cut', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'a');
    await assert.rejects(nodeIo.open(path, 'write'), hasCode('ENOENT'));
    const file = await nodeIo.open(path, 'create');
    await assert.rejects(nodeIo.open(path, 'create'), hasCode('EEXIST'));
    await file.write([Buffer.from('one '), Buffer.alloc(0), Buffer.from('two')], 2);
    await file.sync();
    assert.equal(await file.size(), 9);
    const buffer = Buffer.alloc(20, '.');
    assert.equal(await file.read(buffer, 2), 7);
    assert.equal(buffer.toString('utf8', 0, 9), 'one two..');
    await file.truncate(5);
    await file.close();
    assert.deepEqual(await nodeIo.readFile(path), Buffer.from('\0\0one'));
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  }));

test('a folder lists its names in order, and a missing file reads as null', () =>
  inFolder(async (folder) => {
    const deep = join(folder, 'b', 'c');
    await nodeIo.mkdir(deep);
    await nodeIo.mkdir(deep);
    for (const name of ['z', 'a']) await (await nodeIo.open(join(deep, name), 'create')).close();
    await nodeIo.rename(join(deep, 'z'), join(deep, 'b'));
    await nodeIo.syncFolder(deep);
    assert.deepEqual(await nodeIo.list(deep), ['a', 'b']);
    await nodeIo.remove(join(deep, 'a'));
    assert.deepEqual(await nodeIo.list(deep), ['b']);
    assert.equal(await nodeIo.readFile(join(deep, 'a')), null);
  }));

test('the room on the disk is what a plain user may fill', () =>
  inFolder(async (folder) => {
    const { freeBytes, totalBytes } = await nodeIo.space(folder);
    assert.ok(freeBytes > 0 && freeBytes <= totalBytes);
  }));

test('more buffers than one system call takes are all written', () =>
  inFolder(async (folder) => {
    const file = await nodeIo.open(join(folder, 'many'), 'create');
    await file.write(
      Array.from({ length: 3_000 }, (_, n) => Buffer.from(String(n % 10))),
      0,
    );
    assert.equal(await file.size(), 3_000);
    await file.close();
  }));

test('a synced file takes writes like another, and the kernel is asked to sync each', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'synced');
    await assert.rejects(nodeIo.open(path, 'synced'), hasCode('ENOENT'));
    const file = await nodeIo.open(path, 'create');
    await file.write([Buffer.alloc(8)], 0);
    const synced = await nodeIo.open(path, 'synced');
    await synced.write([Buffer.from('one'), Buffer.from('two')], 1);
    assert.equal((await nodeIo.readFile(path))?.toString(), '\0onetwo\0');
    if (process.platform === 'linux') assert.ok(await hasFlag(path, constants.O_DSYNC));
    await Promise.all([file.close(), synced.close()]);
  }));

/** Is there a descriptor of this process for the file that was opened with the flag? */
async function hasFlag(path: string, flag: number): Promise<boolean> {
  const names = await readdir('/proc/self/fd');
  const found = names.map(async (fd) => {
    const target = await readlink(`/proc/self/fd/${fd}`).catch(() => '');
    if (target !== path) return false;
    const info = await readFile(`/proc/self/fdinfo/${fd}`, 'utf8');
    return (Number.parseInt(/^flags:\s+(\d+)/m.exec(info)?.[1] ?? '0', 8) & flag) === flag;
  });
  return (await Promise.all(found)).includes(true);
}
