import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import { messageOf } from '../../error/azud-error.ts';
import { makeFolders } from '../../lib/folders.ts';

/** How far a file has been sent: every batch before `batches` is acknowledged. */
export interface SentSoFar {
  readonly batches: number;
  /** Key of the last of them: it proves that the file is still the same. */
  readonly key: string;
  readonly accepted: number;
  readonly rejected: number;
  /** The last of theirs that the server made: it proves that the server is still the same. Null when all were refused. */
  readonly transaction: string | null;
}

/** Where it is kept, so that a second `azud send` goes on where the first was cut off. */
export interface Journal {
  read(): SentSoFar | null;
  write(sent: SentSoFar): void;
  remove(): void;
}

/** For a stream that cannot be read again: the keys alone keep its events from being stored twice. */
export const noJournal: Journal = { read: () => null, write() {}, remove() {} };

/**
 * One small file for each (server, dataset, file) in the user's state folder.
 * @param onLost told once, when nothing can be kept there: a run that is cut off is then sent from its beginning
 */
export function fileJournal(
  env: Environment,
  identity: readonly string[],
  onLost: (message: string) => void = () => {},
): Journal {
  const folder = join(env.XDG_STATE_HOME || join(env.HOME || '.', '.local', 'state'), 'azud');
  const name = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 32);
  const path = join(folder, `send-${name}.json`);
  let lost = false;
  const attempt = (work: () => void) => {
    if (lost) return;
    try {
      work();
    } catch (error) {
      lost = true;
      const again = 'if it is cut off, the next run sends the file from its beginning, and nothing is stored twice';
      onLost(`how far the file is sent cannot be kept in ${folder} (${messageOf(error)}): ${again}`);
    }
  };
  const write = (sent: SentSoFar) =>
    attempt(() => {
      makeFolders(folder);
      // A rename replaces the whole: a kill in the middle leaves the file of before. Two senders of one file each have their own.
      const fresh = `${path}.${process.pid}.new`;
      writeFileSync(fresh, JSON.stringify(sent), { mode: 0o600 });
      renameSync(fresh, path);
    });
  return { read: () => readSent(path), write, remove: () => attempt(() => rmSync(path, { force: true })) };
}

function readSent(path: string): SentSoFar | null {
  try {
    const sent = JSON.parse(readFileSync(path, 'utf8')) as Partial<SentSoFar>;
    const { batches, key, accepted, rejected, transaction } = sent;
    const counted = [batches, accepted, rejected].every(Number.isSafeInteger);
    const whole = counted && typeof key === 'string' && (transaction === null || typeof transaction === 'string');
    return whole ? ({ batches, key, accepted, rejected, transaction } as SentSoFar) : null;
  } catch {
    // None, or damaged: sending everything again is safe, only slower.
    return null;
  }
}
