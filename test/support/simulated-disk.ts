import { dirname } from 'node:path';
import type { Io, IoFile, OpenMode } from '../../src/lib/io.ts';
import { readWhole, writeWhole } from '../../src/lib/whole.ts';
import { Content } from './simulated-content.ts';

/** The call that is about to happen; an error given back is thrown instead. */
export type Fault = (call: DiskCall) => Error | null;

export interface DiskCall {
  readonly name: keyof Io | keyof IoFile | 'create';
  readonly path: string;
}

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

/** Not an error of the call: it writes or reads less than it was asked to, and says so. */
export const SHORT = Object.assign(new Error('a short count'), { code: 'SHORT' });

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

type Names = Map<string, Content>;

/** A disk in memory that can lose its power, tear writes, and fail, delay or shorten any call. */
export class SimulatedDisk implements Io {
  fault: Fault = () => null;
  /** Every call waits for it before it has any effect; a scheduler decides so in which order they happen. */
  gate: ((call: DiskCall) => Promise<void>) | null = null;
  /** How much of a failed or short write is written, and what a failed sync drops. */
  random: () => number = () => 0.5;
  freeBytes = 1e9;
  readonly totalBytes = 2e9;
  readonly calls: DiskCall[] = [];
  #names: Names = new Map();
  #safeNames: Names = new Map();
  /** Changes of names that no folder sync made safe yet, in their order. */
  #pending: { readonly folder: string; readonly apply: (names: Names) => void }[] = [];

  async open(path: string, mode: OpenMode): Promise<IoFile> {
    await this.#call(mode === 'create' ? 'create' : 'open', path);
    if (mode === 'create') {
      if (this.#names.has(path)) throw diskError('EEXIST');
      const created = new Content();
      this.#change(path, (names) => names.set(path, created));
    }
    const content = this.#names.get(path);
    if (!content) throw diskError('ENOENT');
    const file = this.#file(path, content);
    return mode === 'synced' ? synced(file) : file;
  }

  async list(folder: string): Promise<string[]> {
    await this.#call('list', folder);
    return this.names(folder);
  }

  async readFile(path: string): Promise<Buffer | null> {
    await this.#call('readFile', path);
    const content = this.#names.get(path);
    return content ? Buffer.from(content.live) : null;
  }

  async mkdir(folder: string): Promise<void> {
    await this.#call('mkdir', folder);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call('rename', from);
    const content = this.#names.get(from);
    if (!content) throw diskError('ENOENT');
    this.#change(to, (names) => {
      names.delete(from);
      names.set(to, content);
    });
  }

  async remove(path: string): Promise<void> {
    await this.#call('remove', path);
    if (!this.#names.has(path)) throw diskError('ENOENT');
    this.#change(path, (names) => names.delete(path));
  }

  async syncFolder(folder: string): Promise<void> {
    await this.#call('syncFolder', folder);
    for (const change of this.#pending) if (change.folder === folder) change.apply(this.#safeNames);
    this.#pending = this.#pending.filter((change) => change.folder !== folder);
  }

  async space(folder: string): Promise<{ freeBytes: number; totalBytes: number }> {
    await this.#call('space', folder);
    return { freeBytes: this.freeBytes, totalBytes: this.totalBytes };
  }

  /** The disk as the next boot finds it: what was synced, and by chance some of what was not. */
  cutPower(random: () => number): SimulatedDisk {
    const names = new Map(this.#safeNames);
    const kept = Math.floor(random() * (this.#pending.length + 1));
    for (const { apply } of this.#pending.slice(0, kept)) apply(names);
    return SimulatedDisk.#of(new Map([...names].map(([path, content]) => [path, content.afterCut(random)])));
  }

  /** The disk after its process was killed and the kernel has written everything. */
  copy(): SimulatedDisk {
    return SimulatedDisk.#of(new Map([...this.#names].map(([path, content]) => [path, content.copy()])));
  }

  /** Names in a folder, sorted: a look from outside, no call. */
  names(folder: string): string[] {
    const paths = [...this.#names.keys()].filter((path) => dirname(path) === folder);
    return paths.map((path) => path.slice(folder.length + 1)).sort();
  }

  /** Bytes of a file, to look at or to damage. */
  bytes(path: string): Buffer {
    return this.#names.get(path)?.live ?? Buffer.alloc(0);
  }

  /** Another content, safe at once; null: the file is gone. From outside, no call. */
  put(path: string, bytes: Buffer | null): void {
    const content = new Content();
    content.write(bytes ?? Buffer.alloc(0), 0);
    content.sync();
    for (const names of [this.#names, this.#safeNames]) {
      if (bytes) names.set(path, content);
      else names.delete(path);
    }
  }

  static #of(names: Names): SimulatedDisk {
    const disk = new SimulatedDisk();
    disk.#names = names;
    disk.#safeNames = new Map(names);
    return disk;
  }

  #file(path: string, content: Content): IoFile {
    return {
      write: (buffers, position) =>
        writeWhole(buffers, position, (some, at) => this.#writeOnce({ path, content }, some, at)),
      read: (buffer, position) =>
        readWhole(buffer, position, async (all, at, from) => {
          const fault = await this.#fails('read', path);
          if (fault && fault !== SHORT) throw fault;
          const found = content.live.subarray(from, from + all.length - at);
          return (fault ? found.subarray(0, Math.ceil(found.length * Math.max(this.random(), 0.001))) : found).copy(
            all,
            at,
          );
        }),
      sync: async () => {
        const fault = await this.#fails('sync', path);
        if (!fault || fault === SHORT) return content.sync();
        content.failSync(this.random);
        throw fault;
      },
      truncate: async (bytes) => {
        await this.#call('truncate', path);
        content.truncate(bytes);
      },
      size: async () => {
        await this.#call('size', path);
        return content.live.length;
      },
      close: () => this.#call('close', path),
    };
  }

  /** A failed write may have written any part of its bytes. */
  async #writeOnce({ path, content }: OpenContent, buffers: readonly Buffer[], position: number): Promise<number> {
    const fault = await this.#fails('write', path);
    const bytes = Buffer.concat(buffers);
    const written = fault ? bytes.subarray(0, Math.floor(bytes.length * this.random())) : bytes;
    content.write(written, position);
    if (fault && fault !== SHORT) throw fault;
    return written.length;
  }

  #change(path: string, apply: (names: Names) => void): void {
    apply(this.#names);
    this.#pending.push({ folder: dirname(path), apply });
  }

  async #fails(name: DiskCall['name'], path: string): Promise<Error | null> {
    const call = { name, path };
    if (this.gate) await this.gate(call);
    this.calls.push(call);
    return this.fault(call);
  }

  /** A call whose count cannot be short. */
  async #call(name: DiskCall['name'], path: string): Promise<void> {
    const fault = await this.#fails(name, path);
    if (fault && fault !== SHORT) throw fault;
  }
}

/** Two calls here, so that the power may be cut between them, and either may fail. */
function synced(file: IoFile): IoFile {
  return {
    ...file,
    write: async (buffers, position) => {
      await file.write(buffers, position);
      await file.sync();
    },
  };
}

interface OpenContent {
  readonly path: string;
  readonly content: Content;
}
