import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Io, IoFile } from '../../src/lib/io.ts';
import { nodeIo } from '../../src/lib/node-io.ts';
import { diskError } from './simulated-disk.ts';
import type { System } from './system.ts';

/** A disk that a test fills up and frees again. */
export interface FillableDisk {
  fill(): Promise<void>;
  free(): Promise<void>;
}

/** Root may mount as it is; others may where the kernel lets them have a user namespace. */
const NAMESPACE = process.getuid?.() === 0 ? '-m' : '-Urm';

/** Why no file system can be mounted here, or null. */
export function whyNoMount(): string | null {
  const { status, error, stderr } = spawnSync('unshare', [NAMESPACE, 'mount', '-t', 'tmpfs', 'tmpfs', '/tmp']);
  return status === 0 ? null : (error?.message ?? stderr.toString().trim());
}

/** A launcher (see `SystemOptions`) whose process tree alone sees a small file system at the path. It goes with the tree. */
export function onSmallDisk(path: string, megabytes: number): string[] {
  return inNamespace(path, `mkdir -p "$0" && mount -t tmpfs -o size=${megabytes}m,mode=700 tmpfs "$0"`);
}

/** A launcher whose process tree alone sees the path as read-only. */
export function onReadOnlyDisk(path: string): string[] {
  return inNamespace(path, 'mkdir -p "$0" && mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"');
}

function inNamespace(path: string, script: string): string[] {
  return ['unshare', NAMESPACE, 'sh', '-c', `${script} && exec "$@"`, path];
}

/** The small disk of a running system, filled to the last byte by a file of ballast. */
export function smallDiskOf(system: System, path: string): FillableDisk {
  const ballast = () => join(`/proc/${system.pid}/root`, path, 'ballast');
  return {
    async fill() {
      const file = await open(ballast(), 'a');
      try {
        for (const bytes of [1024 * 1024, 4096]) await appendUntilFull(file, randomBytes(bytes));
      } finally {
        await file.close();
      }
    },
    free: () => rm(ballast()),
  };
}

export async function appendUntilFull(file: { write(bytes: Buffer): Promise<unknown> }, bytes: Buffer): Promise<void> {
  for (;;) {
    try {
      await file.write(bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
  }
}

/** The real disk, which says that it is full when it is told to. */
export function fillableIo(): { readonly io: Io; readonly disk: FillableDisk } {
  let full = false;
  const io: Io = {
    ...nodeIo,
    open: async (path, mode) => refusing(await nodeIo.open(path, mode), () => full),
    space: async (folder) => ({ ...(await nodeIo.space(folder)), ...(full && { freeBytes: 0 }) }),
  };
  const set = async (value: boolean) => {
    full = value;
  };
  return { io, disk: { fill: () => set(true), free: () => set(false) } };
}

function refusing(file: IoFile, full: () => boolean): IoFile {
  return {
    write: (buffers, position) => (full() ? Promise.reject(diskError('ENOSPC')) : file.write(buffers, position)),
    read: (buffer, position) => file.read(buffer, position),
    sync: () => file.sync(),
    truncate: (bytes) => file.truncate(bytes),
    size: () => file.size(),
    close: () => file.close(),
  };
}
