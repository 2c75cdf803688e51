import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import type { Io } from '../../lib/io.ts';
import { lockedBy } from './errors.ts';
import { removeIfThere } from './segment.ts';

export interface LockOptions {
  readonly io: Io;
  readonly folder: string;
  readonly clock: Clock;
  /** Who asks. Given in tests. */
  readonly pid?: number;
  /** How long a living holder is waited for: an orphan may be just ending. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 2_000;
const RETRY_MS = 50;

/** Who holds a lock. A pid is used again after a while; with its start time it names one process of one boot. */
interface Holder {
  readonly pid: number;
  /** Clock ticks from boot to its start, from /proc; null where there is none. */
  readonly started: string | null;
}

export interface Lock {
  release(): Promise<void>;
}

/**
 * Takes the folder for this process. A lock whose process is dead is taken over.
 * @throws AzudError `locked`
 */
export async function acquireLock(options: LockOptions): Promise<Lock> {
  const { io, folder, clock, pid = process.pid, patienceMs = PATIENCE_MS } = options;
  const path = join(folder, 'lock');
  const self: Holder = { pid, started: (await processStart(io, pid)) ?? null };
  const content = Buffer.from(`${JSON.stringify(self)}\n`);
  const deadline = clock.monotonic() + patienceMs;
  for (;;) {
    if (await createLock(io, path, content)) return { release: () => removeIfThere(io, path) };
    const held = await io.readFile(path);
    const holder = held && parse(held);
    const expired = clock.monotonic() >= deadline;
    if (held && (await isStale(io, holder, expired))) {
      await takeAway(io, path, { content: held, by: pid });
    } else if (expired) {
      throw lockedBy(holder?.pid ?? null, path);
    } else {
      await clock.sleep(RETRY_MS);
    }
  }
}

async function createLock(io: Io, path: string, content: Buffer): Promise<boolean> {
  try {
    const file = await io.open(path, 'create');
    try {
      await file.write([content], 0);
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** A lock without a holder is being written, or its writer was killed before it could: only time tells. */
async function isStale(io: Io, holder: Holder | null, expired: boolean): Promise<boolean> {
  if (holder === null) return expired;
  if (!isRunning(holder.pid)) return true;
  const started = await processStart(io, holder.pid);
  return started === undefined || (holder.started !== null && started !== null && started !== holder.started);
}

/**
 * Moves the stale lock aside rather than removing it by name: between our look and our act another process may have
 * taken it over, and then what was moved is a living lock and goes back.
 */
async function takeAway(io: Io, path: string, stale: { readonly content: Buffer; readonly by: number }): Promise<void> {
  const aside = `${path}.${stale.by}`;
  try {
    await io.rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = await io.readFile(aside);
  if (moved?.equals(stale.content)) await removeIfThere(io, aside);
  else await io.rename(aside, path);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Start time; null where the system does not tell; undefined when the process is a zombie, which holds nothing. */
async function processStart(io: Io, pid: number): Promise<string | null | undefined> {
  const stat = await io.readFile(`/proc/${pid}/stat`);
  if (!stat) return null;
  // The name, in parentheses, may hold anything; after it come state and, 19 fields on, the start time (proc(5)).
  const text = stat.toString('latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return fields[19] ?? null;
}

function parse(content: Buffer): Holder | null {
  try {
    const { pid, started } = JSON.parse(content.toString('utf8')) as Partial<Holder>;
    return typeof pid === 'number' ? { pid, started: started ?? null } : null;
  } catch {
    return null;
  }
}
