import { availableParallelism } from 'node:os';
import { integer, string } from '../../lib/setting.ts';

/** The embedded store: one DuckDB file in the data directory. Setting names are those of azud.yaml. */
export interface DuckdbStoreConfig {
  readonly kind: 'duckdb';
  /** The database file; relative to the data directory. */
  readonly path?: string;
  /** Memory DuckDB may use, e.g. `2GB`. */
  readonly memory_limit?: string;
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
  memory_limit: '2GB',
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

const size = (description: string, fallback: string) =>
  string({
    description,
    pattern: /^[1-9][0-9]{0,5}(KB|MB|GB|TB|KiB|MiB|GiB|TiB)$/,
    expected: 'a size such as 256MB or 2GiB',
    default: fallback,
  });

/** Settings of `store: { kind: duckdb }`. */
export const DUCKDB_SETTINGS = {
  path: string({ description: 'Database file, relative to data_dir.', default: DUCKDB_DEFAULTS.path }),
  memory_limit: size('Memory DuckDB may use.', DUCKDB_DEFAULTS.memory_limit),
  threads: integer({
    description: 'Threads of the engine. Without it: all cores but one, which is left to intake, and 8 at most.',
    minimum: 1,
    maximum: 256,
    default: DUCKDB_DEFAULTS.threads,
  }),
  checkpoint_threshold: size(
    'Size of the write-ahead log at which it is folded into the file.',
    DUCKDB_DEFAULTS.checkpoint_threshold,
  ),
  max_temp_directory_size: size('Disk that sorts and joins may take.', DUCKDB_DEFAULTS.max_temp_directory_size),
};
