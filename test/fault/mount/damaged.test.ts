import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { onSmallDisk } from '../../support/disk.ts';

const CHILD = join(import.meta.dirname, 'damaged-child.ts');

test('a damaged database is made anew also where the disk has no room for a copy of it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'azud-damaged-'));
  const dataDir = join(folder, 'data');
  const [program = '', ...words] = [...onSmallDisk(dataDir, 32), process.execPath, CHILD, dataDir];
  try {
    const { stdout, stderr, status } = spawnSync(program, words, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const { size, steps, offset, sets } = JSON.parse(stdout);
    assert.ok(size > 1024 * 1024, `a database of ${size} bytes is worth a copy`);
    assert.match(steps.join('\n'), /there is no room to set its files aside\n.*starting empty/);
    assert.deepEqual([offset, sets], [0, []]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
