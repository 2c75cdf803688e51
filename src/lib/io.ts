/**
 * All durable file access goes through this narrow door, so that a simulator can cut the power, tear a write or fail
 * any call. Paths are absolute. Errors keep Node's `code` (`EIO`, `ENOSPC`, `ENOENT` …).
 */
export interface Io {
  open(path: string, mode: OpenMode): Promise<IoFile>;
  /** Names in a folder, sorted. */
  list(folder: string): Promise<string[]>;
  /** Whole file, or null when there is none. */
  readFile(path: string): Promise<Buffer | null>;
  mkdir(folder: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes creates, renames and removes in a folder survive a power cut. */
  syncFolder(folder: string): Promise<void>;
  /** Room on the disk that holds the folder, bytes. */
  space(folder: string): Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;
}

/**
 * `create` fails with EEXIST when the file is there; `write` needs it to be there; `read` never changes it. `synced` is as
 * `write`, and each of its writes is safe once it resolves, as if `sync` had been called.
 */
export type OpenMode = 'read' | 'write' | 'create' | 'synced';

export interface IoFile {
  /** Writes all buffers one after the other from `position`; resolves when the kernel has them, not when they are safe. */
  write(buffers: readonly Buffer[], position: number): Promise<void>;
  /** Fills the buffer from `position`; resolves with the bytes read, fewer only at the end of the file. */
  read(buffer: Buffer, position: number): Promise<number>;
  /** fdatasync: what was written before the call survives a power cut once it resolves. */
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  /** Bytes. */
  size(): Promise<number>;
  close(): Promise<void>;
}
