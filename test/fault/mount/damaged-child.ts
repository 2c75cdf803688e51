/** Run on a small file system: damages a database, fills the disk, opens the database again, and prints what was done. */
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { largeUnitAt, offsetOf, openStore } from '../../../src/store/duckdb/fixtures.ts';
import { filesOf } from '../../../src/store/duckdb/recovery.ts';
import { appendUntilFull } from '../../support/disk.ts';

const [, , dataDir = ''] = process.argv;
const { main } = filesOf(join(dataDir, 'duckdb/azud.duckdb'));

const first = await openStore(dataDir);
await first.driver.write({ batches: [largeUnitAt(1)] });
await first.driver.close();
const file = await open(main, 'r+');
await file.write(Buffer.alloc(12_288), 0, 12_288, 0);
await file.close();
const { size } = await stat(main);
const ballast = await open(join(dataDir, 'ballast'), 'a');
for (const bytes of [1024 * 1024, 4096]) await appendUntilFull(ballast, Buffer.alloc(bytes));
await ballast.close();
const second = await openStore(dataDir);
const offset = await offsetOf(second.driver);
await second.driver.close();
const sets = (await readdir(join(dataDir, 'duckdb'))).filter((name) => name.startsWith('damaged-'));
process.stdout.write(JSON.stringify({ size, steps: second.steps, offset, sets }));
