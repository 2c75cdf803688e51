import { rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Progress } from '../../broker/driver.ts';
import { AzudError } from '../../error/azud-error.ts';
import { quote } from '../sql/dialect.ts';
import type { Copier } from './copier.ts';
import { type StoreFiles, syncPath } from './recovery.ts';
import { Session } from './session.ts';
import { progressOf, readHead } from './unit-writer.ts';

/**
 * A verified copy of the database file.
 * @throws AzudError `storage-full`, `unavailable` as `Copier.copy`; `store-damaged` when the copy does not hold what the database held
 */
export async function takeSnapshot(copier: Copier, tables: readonly string[], files: StoreFiles): Promise<Progress> {
  const part = partOf(files);
  try {
    const { expected, progress } = await copier.copy(part, async (writer) => ({
      expected: await contents(writer, tables),
      progress: progressOf(await readHead(writer)),
    }));
    await syncPath(part);
    const found = await verified(part, tables);
    if (found !== expected) {
      throw new AzudError('store-damaged', `a snapshot holds ${found} where the database held ${expected}`);
    }
    await rename(part, files.snapshot);
    await syncPath(dirname(files.snapshot));
    return progress;
  } finally {
    await rm(part, { force: true });
  }
}

/** A snapshot in the making; a process that was killed leaves it behind. */
export function partOf(files: StoreFiles): string {
  return `${files.snapshot}.part`;
}

/** What the snapshot holds; empty when there is none that opens: then the next one is due as if it were the first. */
export async function progressOfSnapshot(files: StoreFiles): Promise<Progress> {
  if ((await stat(files.snapshot).catch(() => null)) === null) return [];
  return reading(files.snapshot, async (session) => progressOf(await readHead(session))).catch(() => []);
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
  const head = `(SELECT string_agg(concat_ws(' ', turn, progress, counts), ' ' ORDER BY writer) FROM "_head")`;
  const [row] = await session.run(`SELECT ${[head, ...counts].join(', ')}`);
  return (row ?? []).map(String).join(' ');
}
