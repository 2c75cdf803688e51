import { copyFile, open, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';

/** What may have happened to the files of the database while nobody looked. */
export interface Damage {
  readonly name: string;
  readonly inflict: (files: DatabaseFiles, random: () => number) => Promise<void>;
}

export interface DatabaseFiles {
  readonly main: string;
  readonly wal: string;
  /** Copies of both from some time before. */
  readonly olderMain: string;
  readonly olderWal: string;
}

export function databaseFiles(dataDir: string): DatabaseFiles {
  const main = join(dataDir, 'duckdb/azud.duckdb');
  return { main, wal: `${main}.wal`, olderMain: join(dataDir, 'older.duckdb'), olderWal: join(dataDir, 'older.wal') };
}

/** Keeps copies for a later damage; a missing file is kept as missing. */
export async function keepOlder({ main, wal, olderMain, olderWal }: DatabaseFiles): Promise<void> {
  for (const [from, to] of [
    [main, olderMain],
    [wal, olderWal],
  ] as const) {
    await rm(to, { force: true });
    await copyFile(from, to).catch(ignoreMissing);
  }
}

const onBoth = (change: (path: string, random: () => number) => Promise<void>): Damage['inflict'] => {
  return async ({ main, wal }, random) => {
    const [first, ...rest] = random() < 0.3 ? [main, wal] : random() < 0.5 ? [main] : [wal];
    for (const path of [first, ...rest]) if (path && (await sizeOf(path)) > 0) await change(path, random);
  };
};

export const DAMAGES: readonly Damage[] = [
  {
    name: 'truncated',
    inflict: onBoth(async (path, random) => truncate(path, Math.floor((await sizeOf(path)) * random()))),
  },
  {
    name: 'zeroed tail',
    inflict: onBoth(async (path, random) => {
      const size = await sizeOf(path);
      const length = Math.min(size, 1 + Math.floor(random() * 65_536));
      await overwrite(path, size - length, Buffer.alloc(length));
    }),
  },
  {
    name: 'bit flip',
    inflict: onBoth(async (path, random) => {
      const at = Math.floor((await sizeOf(path)) * random());
      const file = await open(path, 'r+');
      const byte = Buffer.alloc(1);
      await file.read(byte, 0, 1, at);
      byte[0] = (byte[0] ?? 0) ^ (1 << Math.floor(random() * 8));
      await file.write(byte, 0, 1, at);
      await file.close();
    }),
  },
  { name: 'missing', inflict: onBoth((path) => rm(path)) },
  { name: 'older database file', inflict: async ({ main, olderMain }) => replace(olderMain, main) },
  { name: 'older write-ahead log', inflict: async ({ wal, olderWal }) => replace(olderWal, wal) },
  {
    name: 'older pair',
    inflict: async ({ main, wal, olderMain, olderWal }) => {
      await replace(olderMain, main);
      await replace(olderWal, wal);
    },
  },
];

async function replace(from: string, to: string): Promise<void> {
  if ((await sizeOf(from)) < 0) return;
  await copyFile(from, to);
}

async function overwrite(path: string, position: number, bytes: Buffer): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(bytes, 0, bytes.length, position);
  await file.close();
}

/** -1 when there is none. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => -1,
  );
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
