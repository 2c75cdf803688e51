import { dirname } from 'node:path';
import type { Io, IoFile } from '../../src/lib/io.ts';

/** The call that is about to happen; an error given back is thrown instead. */
export type Fault = (call: DiskCall) => Error | null;

export interface DiskCall {
  readonly name: 'open' | 'write' | 'read' | 'sync' | 'truncate' | 'rename' | 'remove' | 'syncFolder';
  readonly path: string;
}

const SECTOR_BYTES = 512;

/** Source of randomness in [0, 1), the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: as the test asks`), { code });
}

/** Fails the n-th call (from 1) that `matches`, and with `forever` every later one. */
export function failing(matches: (call: DiskCall) => boolean, { n, code, forever = false }: Failure): Fault {
  let seen = 0;
  return (call) => {
    if (!matches(call)) return null;
    seen += 1;
    return seen === n || (forever && seen > n) ? diskError(code) : null;
  };
}

interface Failure {
  readonly n: number;
  readonly code: string;
  readonly forever?: boolean;
}

/** Bytes of one file: as running programs see them, and what a power cut leaves for certain. */
class Content {
  live = Buffer.alloc(0);
  safe = Buffer.alloc(0);
  /** Sectors written since the last sync. */
  readonly dirty = new Set<number>();

  write(bytes: Buffer, position: number): void {
    const end = position + bytes.length;
    if (end > this.live.length) this.live = Buffer.concat([this.live, Buffer.alloc(end - this.live.length)]);
    bytes.copy(this.live, position);
    for (let sector = Math.floor(position / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector += 1)
      this.dirty.add(sector);
  }

  truncate(bytes: number): void {
    this.live = Buffer.concat([this.live.subarray(0, bytes), Buffer.alloc(Math.max(0, bytes - this.live.length))]);
  }

  sync(): void {
    this.safe = Buffer.from(this.live);
    this.dirty.clear();
  }

  /** What is found after a power cut: the synced bytes and any of the sectors written since. */
  afterCut(random: () => number): Content {
    const found = new Content();
    found.live = Buffer.from(this.safe);
    if (this.live.length < found.live.length && random() < 0.5) found.truncate(this.live.length);
    for (const sector of this.dirty) {
      const from = sector * SECTOR_BYTES;
      if (random() < 0.5) found.write(this.live.subarray(from, from + SECTOR_BYTES), from);
    }
    found.sync();
    return found;
  }
}

type Names = Map<string, Content>;

/** A disk in memory that can lose its power, tear writes and fail any call. */
export class SimulatedDisk implements Io {
  fault: Fault = () => null;
  freeBytes = 1e9;
  readonly totalBytes = 2e9;
  readonly calls: DiskCall[] = [];
  #names: Names = new Map();
  #safeNames: Names = new Map();
  /** Changes of names that no folder sync made safe yet, in their order. */
  #pending: { readonly folder: string; readonly apply: (names: Names) => void }[] = [];

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<IoFile> {
    this.#call('open', path);
    if (mode === 'create') {
      if (this.#names.has(path)) throw diskError('EEXIST');
      const created = new Content();
      this.#change(path, (names) => names.set(path, created));
    }
    const content = this.#names.get(path);
    if (!content) throw diskError('ENOENT');
    return this.#file(path, content);
  }

  async list(folder: string): Promise<string[]> {
    const paths = [...this.#names.keys()].filter((path) => dirname(path) === folder);
    return paths.map((path) => path.slice(folder.length + 1)).sort();
  }

  async readFile(path: string): Promise<Buffer | null> {
    const content = this.#names.get(path);
    return content ? Buffer.from(content.live) : null;
  }

  async mkdir(): Promise<void> {}

  async rename(from: string, to: string): Promise<void> {
    this.#call('rename', from);
    const content = this.#names.get(from);
    if (!content) throw diskError('ENOENT');
    this.#change(to, (names) => {
      names.delete(from);
      names.set(to, content);
    });
  }

  async remove(path: string): Promise<void> {
    this.#call('remove', path);
    if (!this.#names.has(path)) throw diskError('ENOENT');
    this.#change(path, (names) => names.delete(path));
  }

  async syncFolder(folder: string): Promise<void> {
    this.#call('syncFolder', folder);
    for (const change of this.#pending) if (change.folder === folder) change.apply(this.#safeNames);
    this.#pending = this.#pending.filter((change) => change.folder !== folder);
  }

  async space(): Promise<{ freeBytes: number; totalBytes: number }> {
    return { freeBytes: this.freeBytes, totalBytes: this.totalBytes };
  }

  /** The disk as the next boot finds it: what was synced, and by chance some of what was not. */
  cutPower(random: () => number): SimulatedDisk {
    const names = new Map(this.#safeNames);
    const kept = Math.floor(random() * (this.#pending.length + 1));
    for (const { apply } of this.#pending.slice(0, kept)) apply(names);
    return SimulatedDisk.#of(new Map([...names].map(([path, content]) => [path, content.afterCut(random)])));
  }

  /** The disk after its process was killed: the kernel keeps every byte. */
  copy(): SimulatedDisk {
    const names: Names = new Map();
    for (const [path, { live }] of this.#names) {
      const content = new Content();
      content.write(live, 0);
      content.sync();
      names.set(path, content);
    }
    return SimulatedDisk.#of(names);
  }

  /** Bytes of a file, to look at or to damage. */
  bytes(path: string): Buffer {
    return this.#names.get(path)?.live ?? Buffer.alloc(0);
  }

  static #of(names: Names): SimulatedDisk {
    const disk = new SimulatedDisk();
    disk.#names = names;
    disk.#safeNames = new Map(names);
    return disk;
  }

  #file(path: string, content: Content): IoFile {
    return {
      write: async (buffers, position) => {
        let at = position;
        for (const buffer of buffers) {
          // A failed write may have written any part of its bytes.
          const error = this.#fails('write', path);
          content.write(error ? buffer.subarray(0, buffer.length >> 1) : buffer, at);
          if (error) throw error;
          at += buffer.length;
        }
      },
      read: async (buffer, position) => {
        this.#call('read', path);
        return content.live.copy(buffer, 0, position);
      },
      sync: async () => {
        this.#call('sync', path);
        content.sync();
      },
      truncate: async (bytes) => {
        this.#call('truncate', path);
        content.truncate(bytes);
      },
      size: async () => content.live.length,
      close: async () => {},
    };
  }

  #change(path: string, apply: (names: Names) => void): void {
    apply(this.#names);
    this.#pending.push({ folder: dirname(path), apply });
  }

  #fails(name: DiskCall['name'], path: string): Error | null {
    const call = { name, path };
    this.calls.push(call);
    return this.fault(call);
  }

  #call(name: DiskCall['name'], path: string): void {
    const error = this.#fails(name, path);
    if (error) throw error;
  }
}
