import { availableParallelism, totalmem } from 'node:os';
import { integer, string } from '../../lib/setting.ts';

/** The embedded store: one DuckDB file in the data directory. Setting names are those of azud.yaml. */
export interface DuckdbStoreConfig {
  readonly kind: 'duckdb';
  /** The database file; relative to the data directory. */
  readonly path?: string;
  /** Memory that analytics may take as a whole, e.g. `2GB`; DuckDB has its share of it. Null: `defaultMemoryLimit()`. */
  readonly memory_limit?: string | null;
  /** Threads of DuckDB, for all queries together. Null: `defaultThreads()`. */
  readonly threads?: number | null;
  /** Size of the write-ahead log at which it is folded into the file, e.g. `256MB`. */
  readonly checkpoint_threshold?: string;
  /** Room that sorts and joins may take on disk, e.g. `4GB`. */
  readonly max_temp_directory_size?: string;
}

/**
 * A checkpoint costs 1 to 2 µs a row, during which nothing is written, and more where it merges row groups. A store that
 * keeps up does it between units (idle-checkpoint.ts); this is the bound for one that does not. 256 MB of write-ahead log
 * are replayed at start in about 3 s.
 */
export const DUCKDB_DEFAULTS = Object.freeze({
  path: 'duckdb/azud.duckdb',
  memory_limit: null,
  threads: null,
  checkpoint_threshold: '256MB',
  max_temp_directory_size: '4GB',
} as const satisfies Required<Omit<DuckdbStoreConfig, 'kind'>>);

const THREADS_MAX = 8;

/**
 * One core is left to intake: beside a query that would run for ever on both of two cores, the p99 of a durable event was
 * twice what it is alone; with one thread it stayed the same. More than a few want more memory than the limit gives.
 */
export function defaultThreads(): number {
  return Math.max(1, Math.min(THREADS_MAX, availableParallelism() - 1));
}

const MEMORY_BYTES_MAX = 2e9;
const MEMORY_SHARE_MAX = 0.75;

/** 2 GB, and three quarters of the memory that the machine or the container has at most: intake needs its own. */
export function defaultMemoryLimit(memoryBytes = ownMemoryBytes()): string {
  return `${Math.floor(Math.min(MEMORY_BYTES_MAX, memoryBytes * MEMORY_SHARE_MAX) / 1e6)}MB`;
}

/**
 * What analytics takes beside the engine under a backlog: three units of the loader, as much that was and is not collected
 * yet, what rows are parsed from, Node, and what the engine does not count: 60 MB more with each 8 GB of database, and 0.1 GB
 * now and then, as it seems while a copy of it keeps checkpoints waiting.
 */
const BESIDE_BYTES = 1.2e9;
/** Of a small limit. */
const ENGINE_SHARE_MIN = 0.4;

const UNITS: Readonly<Record<string, number>> = { K: 1, M: 2, G: 3, T: 4 };

/** The engine's share of `memory_limit`: what is left beside the rest of analytics, and two fifths at least. */
export function engineMemory(limit: string): string {
  const [, number = '', unit = '', binary] = /^(\d+)([KMGT])(i?)B$/.exec(limit) ?? [];
  const bytes = Number(number) * (binary ? 1024 : 1000) ** (UNITS[unit] ?? 0);
  return `${Math.floor(Math.max(bytes * ENGINE_SHARE_MIN, bytes - BESIDE_BYTES) / 1e6)}MB`;
}

/** What the control group allows, where there is one. */
function ownMemoryBytes(): number {
  return Math.min(process.constrainedMemory() || totalmem(), totalmem());
}

const SIZE = {
  pattern: /^[1-9][0-9]{0,5}(KB|MB|GB|TB|KiB|MiB|GiB|TiB)$/,
  expected: 'a size such as 256MB or 2GiB',
};

/** Settings of `store: { kind: duckdb }`. */
export const DUCKDB_SETTINGS = {
  path: string({ description: 'Database file, relative to data_dir.', default: DUCKDB_DEFAULTS.path }),
  memory_limit: string({
    ...SIZE,
    description:
      'Memory that analytics may take as a whole. DuckDB has what is left of it beside 1.2 GB for the loader, and two fifths of it at least. ' +
      'Without it: 2 GB, and three quarters of the memory there is at most.',
    default: DUCKDB_DEFAULTS.memory_limit,
  }),
  threads: integer({
    description: 'Threads of the engine. Without it: all cores but one, which is left to intake, and 8 at most.',
    minimum: 1,
    maximum: 256,
    default: DUCKDB_DEFAULTS.threads,
  }),
  checkpoint_threshold: string({
    ...SIZE,
    description: 'Size of the write-ahead log at which it is folded into the file.',
    default: DUCKDB_DEFAULTS.checkpoint_threshold,
  }),
  max_temp_directory_size: string({
    ...SIZE,
    description: 'Disk that sorts and joins may take.',
    default: DUCKDB_DEFAULTS.max_temp_directory_size,
  }),
};
