import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { prepareSocket, socketPath } from './sockets.ts';

test('the socket lies in the data directory when its path is short enough for the kernel', () => {
  assert.equal(socketPath('/data', 'a.sock'), '/data/run/a.sock');
});

test('for a long path it lies under the temporary folder: the same for the same directory, another for another', () => {
  const deep = (name: string) => socketPath(`/${'deep/'.repeat(40)}${name}`, 'a.sock');
  assert.ok(Buffer.byteLength(deep('x')) <= 107);
  assert.equal(deep('x'), deep('x'));
  assert.notEqual(deep('x'), deep('y'));
});

test('its folder is its owner’s alone, and what a killed process left is removed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'azud-sockets-'));
  const path = socketPath(folder, 'a.sock');
  await prepareSocket(path);
  assert.equal((await stat(join(path, '..'))).mode & 0o777, 0o700);
  await writeFile(path, 'left');
  await prepareSocket(path);
  await assert.rejects(stat(path), { code: 'ENOENT' });
  await rm(folder, { recursive: true });
});

test('the socket of a process that lives is left to it; what it leaves when it ends is free', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'azud-sockets-'));
  const path = socketPath(folder, 'a.sock');
  await prepareSocket(path);
  const server = createServer().listen(path);
  await once(server, 'listening');
  await assert.rejects(prepareSocket(path, 100), {
    code: 'locked',
    message: /locked by a process that serves at .*a\.sock$/,
    hint: /^`fuser .*a\.sock` names the process/,
  });
  assert.ok((await stat(path)).isSocket());
  const waiting = prepareSocket(path);
  server.close();
  await waiting;
  await assert.rejects(stat(path), { code: 'ENOENT' });
  await rm(folder, { recursive: true });
});

test('a process that answers is named by its pid', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'azud-sockets-'));
  const path = socketPath(folder, 'a.sock');
  await prepareSocket(path);
  const server = createHttpServer((_, answer) => answer.end('{"pid":4711}')).listen(path);
  await once(server, 'listening');
  await assert.rejects(prepareSocket(path, 100), { code: 'locked', message: /locked by pid 4711 \(.*a\.sock\)$/ });
  server.close();
  await rm(folder, { recursive: true });
});
