import { constants, existsSync, writeFileSync } from 'node:fs';
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DuckDBInstance } from '@duckdb/node-api';
import { AzudError, messageOf } from '../../error/azud-error.ts';
import type { Clock } from '../../lib/clock.ts';
import { RECOVERY_LIMITS } from '../../limits.ts';
import { classify } from './errors.ts';
import { type DuckdbSettings, openInstance, Session } from './session.ts';
import { readHead } from './unit-writer.ts';

/** Where a store keeps its files. */
export interface StoreFiles {
  readonly main: string;
  readonly wal: string;
  /** Last verified copy. */
  readonly snapshot: string;
  /** Says that a running process met damage that opening does not show. */
  readonly marker: string;
  /** Says that a recovery, or a new file, left rows out that the broker has yet to give again. */
  readonly rebuilding: string;
  /** Damaged files are set aside here, each time in a folder of its own. */
  readonly damaged: (time: number) => string;
}

export function filesOf(main: string): StoreFiles {
  const folder = dirname(main);
  return {
    main,
    wal: `${main}.wal`,
    snapshot: join(folder, 'snapshot.duckdb'),
    marker: join(folder, 'damaged.marker'),
    rebuilding: join(folder, 'rebuilding.marker'),
    damaged: (time) => join(folder, `damaged-${new Date(time).toISOString().replaceAll(':', '-')}`),
  };
}

export interface RecoveryOptions {
  readonly settings: DuckdbSettings;
  readonly clock: Clock;
  readonly onStep: (step: string) => void;
}

export interface Opened {
  readonly instance: DuckDBInstance;
  /** As `StoreDriver.rebuilding`. */
  readonly rebuilding: boolean;
}

/** A step mends the files; false when there is nothing for it to do. */
type Step = readonly [name: string, mend: (files: StoreFiles, error: string) => Promise<boolean>];

/**
 * What is tried, in order, when the database does not open. Each step goes further back in time; the progress stored
 * in the database that opens in the end says from where the log is replayed, so none of them loses an event.
 */
const LADDER: readonly Step[] = [
  ['cutting the write-ahead log where it is damaged', cutWal],
  ['setting the write-ahead log aside', dropWal],
  ['restoring the last verified snapshot', restoreSnapshot],
  ['starting empty; everything is read from the log again', removeAll],
];

/**
 * Opens the database, mending what a power cut or a bad disk left behind.
 * @throws AzudError `locked` and what is no damage; `invalid-config` for a folder; `store-damaged` when not even an empty file can be opened
 */
export async function openWithRecovery(files: StoreFiles, options: RecoveryOptions): Promise<Opened> {
  await refuseFolder(files.main);
  let ladder = LADDER;
  let failure = await suspicion(files);
  if (failure !== null) {
    await setAside(files, options);
    ladder = LADDER.slice(2);
  } else {
    const rebuilding = existsSync(files.rebuilding) || !existsSync(files.main);
    // A file that was removed cannot be told from one that never was.
    if (rebuilding) await markRebuilding(files);
    const opened = await tryOpen(files, options.settings);
    if (!('failure' in opened)) return { instance: opened.instance, rebuilding };
    failure = opened.failure;
    await setAside(files, options);
  }
  await markRebuilding(files);
  for (const [name, mend] of ladder) {
    if (!(await mend(files, failure))) continue;
    options.onStep(`${name} (${failure.slice(0, 200)})`);
    const opened = await tryOpen(files, options.settings);
    if (!('failure' in opened)) return { instance: opened.instance, rebuilding: true };
    failure = opened.failure;
  }
  throw classify(new Error(`Corrupt: ${failure}`), 'the database cannot be opened');
}

/** Whatever is in it is not ours to set aside. */
async function refuseFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (!found?.isDirectory()) return;
  throw new AzudError('invalid-config', `the database cannot be opened: ${path} is a folder`, {
    hint: 'Let store.path name a file.',
  });
}

/** Signs of damage that must not reach the engine: it would open an empty database beside the old one's log. */
async function suspicion(files: StoreFiles): Promise<string | null> {
  if (existsSync(files.marker)) return `damage was met: ${await readFile(files.marker, 'utf8')}`;
  if (existsSync(files.main)) return null;
  if (existsSync(files.wal)) return 'the database file is missing, its write-ahead log is there';
  return existsSync(files.snapshot) ? 'the database file is missing, a snapshot is there' : null;
}

/** Neither another process nor a full disk, small memory or missing rights are damage: nothing is set aside for them. */
const NO_DAMAGE: ReadonlySet<string> = new Set(['locked', 'storage-full', 'query-memory']);
const REFUSED = /permission denied|read-only file system|too many open files|^(Parser|Catalog|Not implemented) Error/i;

async function tryOpen(
  files: StoreFiles,
  settings: DuckdbSettings,
): Promise<{ instance: DuckDBInstance } | { failure: string }> {
  try {
    const instance = await openInstance(files.main, settings);
    const failure = await firstFault(instance, files);
    if (failure === null) return { instance };
    instance.closeSync();
    return { failure };
  } catch (error) {
    const known = classify(error, 'the database cannot be opened');
    if (NO_DAMAGE.has(known.code) || REFUSED.test(messageOf(error))) throw known;
    return { failure: messageOf(error) };
  }
}

/** The engine's block size and the three headers before the first block. */
const BLOCK_BYTES = 262_144;
const HEADER_BYTES = 12_288;

/** A file cut short opens well and fails at the first block that is gone: so every block must lie within the file. */
async function firstFault(instance: DuckDBInstance, files: StoreFiles): Promise<string | null> {
  const session = await Session.open(instance);
  try {
    const tables = (await session.run('SELECT table_name FROM duckdb_tables()')).map(([name]) => String(name));
    if (tables.includes('_head')) await readHead(session);
    const [counted] = await session.run('SELECT total_blocks FROM pragma_database_size()');
    const { size } = await stat(files.main);
    if (size >= bytesOf(Number(counted?.[0] ?? 0))) return null;
    const expected = bytesOf(await blocksUsed(session, tables));
    return size < expected ? `the database file has ${size} of ${expected} bytes` : null;
  } finally {
    session.close();
  }
}

function bytesOf(blocks: number): number {
  return blocks === 0 ? 0 : HEADER_BYTES + blocks * BLOCK_BYTES;
}

/**
 * Up to the last that any table uses: free blocks at the end are cut off, and the header counts them still. This reads
 * blocks of text, so it is asked only where the header's count says too much.
 */
async function blocksUsed(session: Session, tables: readonly string[]): Promise<number> {
  let blocks = 0;
  for (const table of tables) {
    const [row] = await session.run('SELECT max(block_id) + 1 FROM pragma_storage_info($1) WHERE persistent', [table]);
    blocks = Math.max(blocks, Number(row?.[0] ?? 0));
  }
  return blocks;
}

async function cutWal({ wal }: StoreFiles, error: string): Promise<boolean> {
  const at = /byte position (\d+)/.exec(error)?.[1];
  if (at === undefined || !existsSync(wal)) return false;
  await truncate(wal, Number(at));
  return true;
}

async function dropWal({ wal, main }: StoreFiles): Promise<boolean> {
  if (!existsSync(wal) || !existsSync(main)) return false;
  await rm(wal);
  return true;
}

async function restoreSnapshot(files: StoreFiles): Promise<boolean> {
  if (!existsSync(files.snapshot)) return false;
  await rm(files.wal, { force: true });
  await rm(files.main, { force: true });
  await copySynced(files.snapshot, files.main);
  await rm(files.marker, { force: true });
  return true;
}

async function removeAll(files: StoreFiles): Promise<boolean> {
  for (const file of [files.main, files.wal, files.marker]) await rm(file, { force: true });
  return true;
}

/** Copies what is damaged, for people to look at. Without room for that the recovery goes on all the same. */
async function setAside(files: StoreFiles, { clock, onStep }: RecoveryOptions): Promise<void> {
  const folder = files.damaged(clock.now());
  await mkdir(folder, { recursive: true });
  await forgetOldSets(folder);
  try {
    for (const file of [files.main, files.wal]) {
      if (existsSync(file)) await copyFile(file, join(folder, basename(file)), constants.COPYFILE_FICLONE);
    }
    onStep(`the database is damaged; its files are set aside in ${folder}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    await rm(folder, { recursive: true });
    onStep('the database is damaged; there is no room to set its files aside');
  }
}

const DAMAGED_SET = /^damaged-\d/;

/** Keeps the newest besides the one about to be made: their names are times, so the last in order are the newest. */
async function forgetOldSets(folder: string): Promise<void> {
  const parent = dirname(folder);
  const sets = (await readdir(parent)).filter((name) => DAMAGED_SET.test(name) && name !== basename(folder)).sort();
  const kept = RECOVERY_LIMITS.damagedSetsMax - 1;
  for (const name of sets.slice(0, Math.max(0, sets.length - kept))) await rm(join(parent, name), { recursive: true });
}

/** Leaves word for the next start, before anything else can end the process. */
export function markDamaged(files: StoreFiles, message: string): void {
  try {
    writeFileSync(files.marker, message, { flush: true });
  } catch {
    // The disk may be what failed; then opening shows it.
  }
}

/** For a process that is started while this one still rebuilds. Before any step: none may be done and not be told. */
async function markRebuilding({ rebuilding }: StoreFiles): Promise<void> {
  try {
    await mkdir(dirname(rebuilding), { recursive: true });
    await writeFile(rebuilding, '');
    await syncPath(dirname(rebuilding));
  } catch {
    // Without room or rights the opening fails too, or this process at least knows.
  }
}

/** A copy that a power cut cannot take back, under its name only when it is whole. */
export async function copySynced(from: string, to: string): Promise<void> {
  const part = `${to}.part`;
  await copyFile(from, part, constants.COPYFILE_FICLONE);
  await syncPath(part);
  await rename(part, to);
  await syncPath(dirname(to));
}

export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
