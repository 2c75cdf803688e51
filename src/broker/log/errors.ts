import { AzudError, isAzudError, messageOf } from '../../error/azud-error.ts';

/** What the disk can do to a log, in the catalogue's codes. */

/** A call to the disk failed and what lies there is no longer known: the process stops and the next start looks. */
export function ioFailed(what: string, cause: unknown): AzudError {
  if (isAzudError(cause)) return cause;
  return new AzudError('io-failed', `${what} failed: ${messageOf(cause)}`, { cause });
}

/** What the disk throws while the log is read or closed, in the catalogue's code: nobody above knows the disk's own. */
export async function naming<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw ioFailed(what, error);
  }
}

export function storageFull(cause: string): AzudError {
  return new AzudError('storage-full', `the log takes no more events: ${cause}`, { retryAfterSeconds: 5 });
}

/** @param byte where the bad record begins */
export function damaged(path: string, byte: number, what: string): AzudError {
  return new AzudError('log-damaged', `${path} is damaged at byte ${byte}: ${what}`);
}

export function lockedBy(pid: number | null, path: string): AzudError {
  const holder = pid === null ? 'another process' : `pid ${pid}`;
  return new AzudError('locked', `the log is locked by ${holder} (${path})`);
}

export function tooLarge(bytes: number, bytesMax: number): AzudError {
  return new AzudError(
    'too-large',
    `a message of ${bytes} bytes is over the limit of ${bytesMax} bytes of one log record`,
  );
}

export function closing(): AzudError {
  return new AzudError('draining', 'the log is closing', { retryAfterSeconds: 5 });
}

export function notOpen(): AzudError {
  return new AzudError('not-connected', 'the log is not open');
}

const MIXED = {
  hint: 'Restore log and database from one backup, or let the database go on with this log: azud log adopt.',
};

export function otherEpoch(stream: string, epoch: string): AzudError {
  return new AzudError('log-behind', `the store has read the log ${stream}, but this is the log ${epoch}`, MIXED);
}

/** @param shared last offset that both hold; null where the log does not know */
export function otherCourse(offset: number, shared: number | null): AzudError {
  const way =
    shared === null ? 'of a part that this log does not hold' : `but this log went another way after ${shared}`;
  return new AzudError(
    'log-behind',
    `the store has come to ${offset}, ${way}: it was put back from an older copy`,
    MIXED,
  );
}

export function aheadOfLog(offset: number, end: number): AzudError {
  return new AzudError('log-behind', `the store has come to ${offset}, but the log ends at ${end}`, MIXED);
}

export function removedBefore(offset: number, first: number): AzudError {
  return new AzudError(
    'log-behind',
    `the store has come to ${offset}, but the log begins at ${first}: what lay between was removed`,
    MIXED,
  );
}

/** Nothing was sent: safe to try again. */
export function ownerAway(cause?: unknown): AzudError {
  return new AzudError('not-connected', 'the process that owns the log does not answer', {
    cause,
    retryAfterSeconds: 1,
  });
}

/** It was sent, and the answer never came. */
export function outcomeUnknown(): AzudError {
  return new AzudError('unavailable', 'the process that owns the log went away before it answered', {
    retryAfterSeconds: 1,
  });
}

export function isDiskFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === 'ENOENT';
}
