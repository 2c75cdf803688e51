import { constants } from 'node:fs';
import { copyFile as copyWhole, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AzudError } from '../../error/azud-error.ts';
import type { StoreFiles } from './recovery.ts';
import type { Session } from './session.ts';
import { sizeOf } from './wal-room.ts';

export interface CopierOptions {
  readonly files: StoreFiles;
  /** The engine's own for checkpoints, when no copy is made. */
  readonly threshold: string;
  /** Calls the work with the writer idle. */
  readonly inTurn: <T>(work: (writer: Session) => Promise<T>) => Promise<T>;
  /** Checkpoints go on. */
  readonly onRelease: () => void;
  /** How a file is copied; a test may take its time. */
  readonly copyFile?: (from: string, to: string) => Promise<void>;
}

/** What the engine keeps of rows that no checkpoint has compressed takes memory: at most what its own threshold allows. */
const WAL_BYTES_MAX = 256 * 1024 * 1024;

/** As a clone where the file system can. */
const cloneFile = (from: string, to: string) => copyWhole(from, to, constants.COPYFILE_FICLONE);

/**
 * Copies the database file while units go on being written to the database. After a checkpoint the file alone is the
 * database. Until the next one the engine writes to its write-ahead log, and in the file only to blocks that the database
 * of that checkpoint does not refer to; so checkpoints wait for the copy, and units only where it takes long (`admit`).
 * It is a copy of a file (a clone where the file system can), not a second writing of every row; `COPY FROM DATABASE`
 * would need external access, which the instance has given up for good.
 */
export class Copier {
  readonly #options: CopierOptions;
  /** One copy at a time: it is the disk that it waits for. */
  #turn: Promise<unknown> = Promise.resolve();
  #copying: Promise<unknown> | null = null;

  constructor(options: CopierOptions) {
    this.#options = options;
  }

  /**
   * @returns what `look` found in the rows that the copy holds
   * @throws AzudError `storage-full` before anything was done; `unavailable` when the store was closed meanwhile. Then
   *   there is no copy.
   */
  copy<T>(to: string, look: (writer: Session) => Promise<T>): Promise<T> {
    const done = this.#turn.then(() => this.#copy(to, look));
    this.#turn = done.catch(() => {});
    return done;
  }

  /** Resolves when a unit may be written: at once but where a copy takes so long that the write-ahead log has grown large. */
  async admit(): Promise<void> {
    if (!this.#copying) return;
    if ((await sizeOf(this.#options.files.wal)) >= WAL_BYTES_MAX) await this.#copying;
  }

  /** Resolves when no copy is being made. */
  async settled(): Promise<void> {
    await this.#turn;
  }

  async #copy<T>(to: string, look: (writer: Session) => Promise<T>): Promise<T> {
    const { files, threshold, inTurn, onRelease, copyFile = cloneFile } = this.#options;
    await rm(to, { force: true });
    const found = await inTurn(async (writer) => {
      await needRoom(files);
      await writer.checkpoint({ merge: false });
      const seen = await look(writer);
      await writer.holdCheckpoints();
      return seen;
    });
    const copying = copyFile(files.main, to).finally(() => inTurn((writer) => writer.releaseCheckpoints(threshold)));
    this.#copying = copying.catch(() => {});
    try {
      await copying;
    } catch (error) {
      await rm(to, { force: true });
      throw error;
    } finally {
      this.#copying = null;
    }
    onRelease();
    return found;
  }
}

/** A checkpoint that meets a full disk ends the engine for this process, so room is asked for before. @throws AzudError `storage-full` */
async function needRoom({ main, wal }: StoreFiles): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(main));
  const needed = 2 * ((await sizeOf(main)) + (await sizeOf(wal)));
  if (bavail * bsize >= needed) return;
  throw new AzudError('storage-full', `a copy may need ${needed} bytes, there are ${bavail * bsize}`);
}
