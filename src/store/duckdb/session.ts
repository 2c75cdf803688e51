import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBPreparedStatement,
  type DuckDBValue,
} from '@duckdb/node-api';
import { type DuckdbStoreConfig, defaultMemoryLimit, defaultThreads, engineMemory } from './config.ts';
import './whole-texts.ts';

export type DuckdbSettings = Required<Omit<DuckdbStoreConfig, 'kind'>>;

/**
 * From this format on a write-ahead log names the file and the checkpoint that it follows. In the engine's default one, an
 * older log beside a younger file (a backup, put back in part) is replayed into it, and its rows are there twice.
 */
const STORAGE_VERSION = 'v1.4.0';

/**
 * Merges of row groups in one checkpoint of a table. The engine would do a hundred; one puts up to three full row groups
 * together, and that is how long a unit waits for it.
 */
const MERGE_TASKS = 1;

/**
 * Full row groups that an insert holds before it compresses them. The engine would hold five and leave a unit's two to its commit,
 * which is one after the other, and which the next unit waits for.
 */
const ROW_GROUPS_HELD = 1;

/**
 * It puts a scan's row groups in the order of `ORDER BY … LIMIT`, and takes one that is just being appended for the end of all:
 * then rows are missing from the page, once in a thousand reads beside small writes (1.5.6).
 */
const OPTIMIZERS_OFF = 'row_group_pruner';

/** Larger than any disk. */
const HELD_THRESHOLD = '1000TB';

/**
 * Opens a database file with every setting pinned. What the engine may reach is closed before any query is run, and
 * the last setting makes all of them final.
 * @throws the engine's own error: `recovery.ts` reads it
 */
export async function openInstance(file: string, settings: DuckdbSettings): Promise<DuckDBInstance> {
  await mkdir(dirname(file), { recursive: true });
  const instance = await DuckDBInstance.create(file, {
    threads: String(settings.threads ?? defaultThreads()),
    memory_limit: engineMemory(settings.memory_limit ?? defaultMemoryLimit()),
    checkpoint_threshold: settings.checkpoint_threshold,
    storage_compatibility_version: STORAGE_VERSION,
    allocator_background_threads: 'true',
    max_vacuum_tasks: String(MERGE_TASKS),
    write_buffer_row_group_count: String(ROW_GROUPS_HELD),
    disabled_optimizers: OPTIMIZERS_OFF,
    // The two settings that stay open: `Session` changes them around checkpoints.
    allowed_configs: '[max_vacuum_tasks, checkpoint_threshold]',
  });
  return closed(instance, join(dirname(file), 'temp'), settings.max_temp_directory_size);
}

export interface ReadOnlySettings {
  readonly memoryBytes: number;
  readonly tempFolder: string;
  readonly tempBytesMax: number;
}

/** Opens a file that nobody writes to, on one thread. @throws the engine's own error */
export async function openReadOnly(file: string, settings: ReadOnlySettings): Promise<DuckDBInstance> {
  const instance = await DuckDBInstance.create(file, {
    access_mode: 'READ_ONLY',
    threads: '1',
    memory_limit: mebibytes(settings.memoryBytes),
  });
  return closed(instance, settings.tempFolder, mebibytes(settings.tempBytesMax));
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / (1024 * 1024))}MiB`;

/** The instance with everything closed that a query could reach out by. */
async function closed(instance: DuckDBInstance, temp: string, tempMax: string): Promise<DuckDBInstance> {
  try {
    const connection = await instance.connect();
    for (const setting of pinned(temp, tempMax)) await connection.run(`SET ${setting}`);
    connection.closeSync();
    return instance;
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

function pinned(temp: string, tempMax: string): string[] {
  return [
    `temp_directory = '${temp.replaceAll("'", "''")}'`,
    `max_temp_directory_size = '${tempMax}'`,
    `TimeZone = 'UTC'`,
    'autoinstall_known_extensions = false',
    'autoload_known_extensions = false',
    'allow_community_extensions = false',
    'allow_persistent_secrets = false',
    'enable_external_file_cache = false',
    'max_expression_depth = 250',
    'enable_external_access = false',
    'lock_configuration = true',
  ];
}

export type Parameter = string | Uint8Array;

/** One connection for one task, and the statements planned on it. */
export class Session {
  readonly connection: DuckDBConnection;
  readonly #planned = new Map<string, DuckDBPreparedStatement>();
  #checkpointsHeld = false;

  constructor(connection: DuckDBConnection) {
    this.connection = connection;
  }

  static async open(instance: DuckDBInstance): Promise<Session> {
    return new Session(await instance.connect());
  }

  /**
   * Runs one statement, planned for this run: a plan that is kept goes stale, because the engine folds what it knows of
   * a table (its count, that it is empty) into it.
   */
  async run(sql: string, parameters: readonly Parameter[] = []): Promise<DuckDBValue[][]> {
    const statement = await this.connection.prepare(sql);
    try {
      bind(statement, parameters);
      return (await statement.runAndReadAll()).getRows();
    } finally {
      statement.destroySync();
    }
  }

  /** For statements that read no table: planned once, whatever the number of runs. */
  async runPlanned(sql: string, parameters: readonly Parameter[]): Promise<void> {
    const known = this.#planned.get(sql);
    const statement = known ?? (await this.connection.prepare(sql));
    if (!known) this.#planned.set(sql, statement);
    try {
      bind(statement, parameters);
      await statement.run();
    } finally {
      // A unit is megabytes: they must not stay bound until the next one.
      statement.clearBindings();
    }
  }

  /** The body in a transaction. A failure rolls back; when even that fails, the first error says more. */
  async transaction<T>(body: () => Promise<T>): Promise<T> {
    await this.begin();
    return this.commit(body);
  }

  async begin(): Promise<void> {
    await this.connection.run('BEGIN TRANSACTION');
  }

  /** The body as the rest of the transaction that was begun. */
  async commit<T>(body: () => Promise<T>): Promise<T> {
    try {
      const result = await body();
      await this.connection.run('COMMIT');
      return result;
    } catch (error) {
      await this.rollback();
      throw error;
    }
  }

  /** Whatever was begun; nothing where the engine has done it already. */
  async rollback(): Promise<void> {
    await this.connection.run('ROLLBACK').catch(() => {});
  }

  /**
   * Folds the write-ahead log into the file. With `merge: false` row groups stay as they were written: a checkpoint of 32 MB
   * takes 0.1 s then, and 0.5 s where it puts together what the units before left half filled. Nothing while checkpoints
   * are held.
   */
  async checkpoint({ merge }: { readonly merge: boolean }): Promise<void> {
    if (this.#checkpointsHeld) return;
    await this.connection.run(`SET max_vacuum_tasks = ${merge ? MERGE_TASKS : 0}`);
    await this.connection.run('CHECKPOINT');
  }

  /** From here on the write-ahead log only grows, whatever is written. */
  async holdCheckpoints(): Promise<void> {
    await this.connection.run(`SET checkpoint_threshold = '${HELD_THRESHOLD}'`);
    this.#checkpointsHeld = true;
  }

  /** @param threshold the engine's own, as it was set: what the engine answers for it is rounded for the eye */
  async releaseCheckpoints(threshold: string): Promise<void> {
    await this.connection.run(`SET checkpoint_threshold = '${threshold}'`);
    this.#checkpointsHeld = false;
  }

  close(): void {
    for (const statement of this.#planned.values()) statement.destroySync();
    this.#planned.clear();
    this.connection.closeSync();
  }
}

function bind(statement: DuckDBPreparedStatement, parameters: readonly Parameter[]): void {
  for (const [at, value] of parameters.entries()) {
    if (typeof value === 'string') statement.bindVarchar(at + 1, value);
    else statement.bindBlob(at + 1, value);
  }
}
