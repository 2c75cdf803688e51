import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { refusedStart } from '../support/system.ts';

/** What a start that cannot be says: one line, one hint, an exit code, and nothing else. */

const HINT = 'Give this user the right to write there, or set another data_dir.\n';
/** Root passes every permission; without this capability it does not. */
const PLAIN_USER =
  process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-all'] : [];

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'azud-start-'));
});
after(() => rm(folder, { recursive: true }));

test('a data directory that may not be written: one line, 74', async () => {
  const closed = join(folder, 'closed');
  await mkdir(closed);
  await chmod(closed, 0o500);
  const dataDir = join(closed, 'data');
  const refusal = await refusedStart({ config: ORDERS_CONFIG, dataDir, launcher: PLAIN_USER });
  const words = `azud: cannot use the data directory ${dataDir}: this user may not write there\n${HINT}`;
  assert.deepEqual(refusal, { code: 74, words });
});

test('a data directory that is a file: one line, 74, and the file is left alone', async () => {
  const dataDir = join(folder, 'file');
  await writeFile(dataDir, 'mine');
  const refusal = await refusedStart({ config: ORDERS_CONFIG, dataDir });
  assert.deepEqual(refusal, {
    code: 74,
    words: `azud: cannot use the data directory ${dataDir}: it is a file\n${HINT}`,
  });
});

test('a data directory where the file system has no folders to give: one line, 74', async () => {
  const dataDir = '/proc/azud/data';
  const refusal = await refusedStart({ config: ORDERS_CONFIG, dataDir });
  const words = `azud: cannot use the data directory ${dataDir}: no folder can be made there\n${HINT}`;
  assert.deepEqual(refusal, { code: 74, words });
});

test('a port that another process has: one line, 69, and the lock is let go', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as { port: number };
  const dataDir = join(folder, 'data');
  const refusal = await refusedStart({ config: ORDERS_CONFIG, dataDir, flags: ['--server.port', String(port)] });
  holder.close();
  const words = `azud: 127.0.0.1:${port} is taken by another process\nStop the process that has it, or set another server.port.\n`;
  assert.deepEqual(refusal, { code: 69, words });
  const [lock = ''] = (await readdir(join(dataDir, 'log'))).filter((name) => name.startsWith('lock.'));
  assert.equal(await readFile(join(dataDir, 'log', lock), 'utf8'), 'released\n');
});
