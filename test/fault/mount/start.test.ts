import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { onReadOnlyDisk } from '../../support/disk.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { refusedStart } from '../../support/system.ts';

test('a data directory on a read-only file system: one line, 74', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'azud-readonly-'));
  const dataDir = join(folder, 'data');
  try {
    const { code, words } = await refusedStart({ config: ORDERS_CONFIG, dataDir, launcher: onReadOnlyDisk(dataDir) });
    assert.equal(code, 74);
    assert.match(words, /^azud: cannot use the data directory \S+: the file system is read-only\n[^\n]+\n$/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
