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

/** `lock.7`: the seventh time the folder was taken. */
const LOCK_NAME = /^lock\.(\d{1,15})$/;

/**
 * Takes the folder for this process. The holder is the process in the lock file with the highest number; when it is dead,
 * or has let go, whoever creates the next number has the folder. Numbers only grow, and a file is never moved or replaced,
 * so nobody can take away a lock that came into being after the look at the one before.
 * @throws AzudError `locked`
 */
export async function acquireLock(options: LockOptions): Promise<Lock> {
  const { io, folder, clock, pid = process.pid, patienceMs = PATIENCE_MS } = options;
  const self: Holder = { pid, started: (await processStart(io, pid)) ?? null };
  const deadline = clock.monotonic() + patienceMs;
  for (;;) {
    const [highest = 0] = await lockNumbers(io, folder);
    const expired = clock.monotonic() >= deadline;
    const holder = highest === 0 ? RELEASED : await readHolder(io, lockPath(folder, highest));
    if (holder === RELEASED || (await isStale(io, holder, expired))) {
      const lock = await takeNumber(highest + 1, { io, folder, self });
      if (lock) return lock;
    } else if (expired) {
      throw lockedBy(holder?.pid ?? null, lockPath(folder, highest));
    } else {
      await clock.sleep(RETRY_MS);
    }
  }
}

/** What a lock file says whose process has let go: it stays, so that its number is not given again. */
const RELEASED = 'released';

interface Taking {
  readonly io: Io;
  readonly folder: string;
  readonly self: Holder;
}

/** Null when another process was quicker. */
async function takeNumber(number: number, { io, folder, self }: Taking): Promise<Lock | null> {
  const path = lockPath(folder, number);
  if (!(await createFile(io, path, `${JSON.stringify(self)}\n`))) return null;
  const [highest, ...older] = await lockNumbers(io, folder);
  if (highest !== number) {
    // Our look was old: the number had been given, let go and cleared away meanwhile.
    await removeIfThere(io, path);
    return null;
  }
  for (const past of older) await removeIfThere(io, lockPath(folder, past));
  return { release: () => letGo(io, path) };
}

/** Highest first. */
async function lockNumbers(io: Io, folder: string): Promise<number[]> {
  const names = await io.list(folder);
  const numbers = names.flatMap((name) => LOCK_NAME.exec(name)?.[1] ?? []);
  return numbers.map(Number).sort((a, b) => b - a);
}

function lockPath(folder: string, number: number): string {
  return join(folder, `lock.${number}`);
}

async function createFile(io: Io, path: string, text: string): Promise<boolean> {
  try {
    const file = await io.open(path, 'create');
    try {
      await file.write([Buffer.from(text)], 0);
    } catch (error) {
      // On a full disk: an empty lock would be waited for by the next who asks.
      await removeIfThere(io, path).catch(() => {});
      throw error;
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function letGo(io: Io, path: string): Promise<void> {
  const file = await io.open(path, 'write');
  try {
    await file.truncate(0);
    await file.write([Buffer.from(`${RELEASED}\n`)], 0);
  } finally {
    await file.close();
  }
}

/** Null when the file says nothing yet. */
async function readHolder(io: Io, path: string): Promise<Holder | typeof RELEASED | null> {
  const content = await io.readFile(path);
  if (content?.toString('latin1').trim() === RELEASED) return RELEASED;
  return content && parse(content);
}

/** A lock without a holder is being written, or its writer was killed before it could: only time tells. */
async function isStale(io: Io, holder: Holder | null, expired: boolean): Promise<boolean> {
  if (holder === null) return expired;
  if (!isRunning(holder.pid)) return true;
  const started = await processStart(io, holder.pid);
  return started === undefined || (holder.started !== null && started !== null && started !== holder.started);
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
