import { constants } from 'node:fs';
import { copyFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Progress } from '../../broker/driver.ts';
import { AzudError } from '../../error/azud-error.ts';
import { quote } from '../sql/dialect.ts';
import { type StoreFiles, syncPath } from './recovery.ts';
import { Session } from './session.ts';
import { progressOf, readHead } from './unit-writer.ts';

/**
 * A copy of the database file, verified. After a checkpoint the file alone is the database, and nothing writes to it
 * while the writer waits: so the copy is a file copy (a clone where the file system can), not a second writing of every
 * row. `COPY FROM DATABASE` would need external access, which the instance has given up for good.
 *
 * The caller keeps the writer idle meanwhile.
 * @throws AzudError `storage-full` before anything was done; `store-damaged` when the copy does not hold what the database holds
 */
export async function takeSnapshot(writer: Session, tables: readonly string[], files: StoreFiles): Promise<Progress> {
  await needRoom(files);
  await writer.checkpoint({ merge: true });
  const expected = await contents(writer, tables);
  const part = `${files.snapshot}.part`;
  await rm(part, { force: true });
  await copyFile(files.main, part, constants.COPYFILE_FICLONE);
  await syncPath(part);
  const found = await verified(part, tables);
  if (found !== expected) {
    await rm(part, { force: true });
    throw new AzudError('store-damaged', `a snapshot holds ${found} where the database holds ${expected}`);
  }
  await rename(part, files.snapshot);
  await syncPath(dirname(files.snapshot));
  return progressOf(await readHead(writer));
}

/** What the snapshot holds; empty when there is none that opens: then the next one is due as if it were the first. */
export async function progressOfSnapshot(files: StoreFiles): Promise<Progress> {
  if ((await stat(files.snapshot).catch(() => null)) === null) return [];
  return reading(files.snapshot, async (session) => progressOf(await readHead(session))).catch(() => []);
}

/** A checkpoint that meets a full disk ends the engine for this process, so room is asked for before. @throws AzudError `storage-full` */
export async function needRoom({ main, wal }: StoreFiles): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(main));
  const sizes = await Promise.all(
    [main, wal].map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  const needed = 2 * sizes.reduce((sum, size) => sum + size, 0);
  if (bavail * bsize >= needed) return;
  throw new AzudError('storage-full', `a snapshot may need ${needed} bytes, there are ${bavail * bsize}`);
}

/** The copy is another file than the database, so a second instance may open it; it never writes. */
function verified(file: string, tables: readonly string[]): Promise<string> {
  return reading(file, (session) => contents(session, tables));
}

async function reading<T>(file: string, read: (session: Session) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY', threads: '1' });
  try {
    const session = await Session.open(instance);
    const result = await read(session);
    session.close();
    return result;
  } finally {
    instance.closeSync();
  }
}

/** Rows of each table and the head, as one text to compare. */
async function contents(session: Session, tables: readonly string[]): Promise<string> {
  const counts = tables.map((table) => `(SELECT count(*) FROM ${quote(table)})`);
  const [row] = await session.run(`SELECT progress, counts, ${counts.join(', ')} FROM "_head"`);
  return (row ?? []).map(String).join(' ');
}
