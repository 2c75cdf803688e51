import { close, constants, fdatasync, fstat, ftruncate, open, promises, read, write, writev } from 'node:fs';
import { promisify } from 'node:util';
import type { Io, IoFile, OpenMode } from './io.ts';
import { readWhole, writeWhole } from './whole.ts';

const openFile = promisify(open);
const closeFile = promisify(close);
const syncFile = promisify(fdatasync);
const truncateFile = promisify(ftruncate);
const statFile = promisify(fstat);

/** One call instead of two. Elsewhere the flag promises less than `fdatasync` does: on macOS it leaves the drive's cache alone. */
const SYNCS_ITSELF = process.platform === 'linux';
const FLAGS: Readonly<Record<OpenMode, string | number>> = {
  read: 'r',
  write: 'r+',
  create: 'wx+',
  synced: SYNCS_ITSELF ? constants.O_RDWR | constants.O_DSYNC : 'r+',
};
/** Owner only: what Azud keeps is its users' data. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** The real disk. Raw descriptors and the callback API: half the cost of FileHandle on the group commit's path. */
export const nodeIo: Io = {
  open: async (path, mode) => {
    const fd = await openFile(path, FLAGS[mode], FILE_MODE);
    return new NodeFile(fd, mode === 'synced' && !SYNCS_ITSELF);
  },
  list: async (folder) => (await promises.readdir(folder)).sort(),
  readFile: async (path) => {
    try {
      return await promises.readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  },
  mkdir: async (folder) => {
    await promises.mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  },
  rename: (from, to) => promises.rename(from, to),
  remove: (path) => promises.unlink(path),
  syncFolder: async (folder) => {
    const handle = await promises.open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  space: async (folder) => {
    const { bsize, blocks, bfree, bavail } = await promises.statfs(folder);
    // As df counts: blocks kept for root are neither used nor free to us.
    return { freeBytes: bavail * bsize, totalBytes: (blocks - bfree + bavail) * bsize };
  },
};

class NodeFile implements IoFile {
  readonly #fd: number;
  readonly #syncsWrites: boolean;

  constructor(fd: number, syncsWrites: boolean) {
    this.#fd = fd;
    this.#syncsWrites = syncsWrites;
  }

  async write(buffers: readonly Buffer[], position: number): Promise<void> {
    await writeWhole(buffers, position, (some, at) => this.#writeOnce(some, at));
    if (this.#syncsWrites) await this.sync();
  }

  #writeOnce(buffers: readonly Buffer[], position: number): Promise<number> {
    const [first, ...others] = buffers;
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, written: number) => (error ? reject(error) : resolve(written));
      if (first && others.length === 0) write(this.#fd, first, 0, first.length, position, done);
      else writev(this.#fd, buffers, position, done);
    });
  }

  read(buffer: Buffer, position: number): Promise<number> {
    return readWhole(buffer, position, (all, at, from) => this.#readOnce(all, at, from));
  }

  #readOnce(buffer: Buffer, at: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#fd, buffer, at, buffer.length - at, position, (error, count) =>
        error ? reject(error) : resolve(count),
      );
    });
  }

  sync(): Promise<void> {
    return syncFile(this.#fd);
  }

  truncate(bytes: number): Promise<void> {
    return truncateFile(this.#fd, bytes);
  }

  async size(): Promise<number> {
    return (await statFile(this.#fd)).size;
  }

  close(): Promise<void> {
    return closeFile(this.#fd);
  }
}
