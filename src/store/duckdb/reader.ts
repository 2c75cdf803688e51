import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBInstance,
  DuckDBMaterializedResult,
  type DuckDBPreparedStatement,
  type DuckDBResult,
  StatementType,
} from '@duckdb/node-api';
import { AzudError } from '../../error/azud-error.ts';
import type { Column } from '../../event/dataset.ts';
import { QUERY_LIMITS } from '../../limits.ts';
import type { ReadLimits, RowStream, Value } from '../driver.ts';
import { distinctNames, queryTimeout, streamWithin } from '../reading.ts';
import { Standing } from './standing.ts';
import { columnTypeOf, valueOfDuck } from './values.ts';

export interface Read {
  readonly text: string;
  /** Null: the text has no parameters. */
  readonly bind: ((statement: DuckDBPreparedStatement) => void) | null;
  /** Known columns; null: as the result has them. */
  readonly columns: RowStream['columns'] | null;
  /** A SELECT of our own with few rows: they are taken at once, in a transaction that stands if there is one. */
  readonly small: boolean;
  /** Our error for one of the engine's. */
  readonly classify: (error: unknown) => AzudError;
}

/**
 * Around the plan and its run, always. A plan holds what the engine knew of the table when it was made; run in a later
 * transaction it meets rows beyond that, and numbers that it packed into a byte by what was the largest come out wrong.
 */
const BEGIN = 'BEGIN TRANSACTION READ ONLY';

/** So many rows are few: a stream has as many in memory at a time. */
export const SMALL_ROWS = 2_048;

export interface ReaderOptions {
  /** A read goes on although it was interrupted; its connection is lost, and so is a core. */
  readonly onStuck?: ((error: AzudError) => void) | undefined;
  /** See `StandingOptions`. Without it each read begins its own. */
  readonly mayStand?: () => Promise<boolean>;
}

/**
 * A few connections for reads, each used by one read at a time; those that come later wait their turn. Small reads go first to
 * transactions that stand open (standing.ts).
 */
export class Reader {
  readonly #instance: DuckDBInstance;
  readonly #idle: DuckDBConnection[] = [];
  readonly #waiting: ((connection: DuckDBConnection) => void)[] = [];
  readonly #onStuck: (error: AzudError) => void;
  readonly #standing: Standing;
  #opened = 0;
  #writing = false;

  constructor(instance: DuckDBInstance, { onStuck = () => {}, mayStand = async () => false }: ReaderOptions = {}) {
    this.#instance = instance;
    this.#onStuck = onStuck;
    this.#standing = new Standing({ connect: () => instance.connect(), mayStand });
  }

  /** Runs what writes a unit; reads that come after it see it. */
  async beside<T>(write: () => Promise<T>): Promise<T> {
    this.#writing = true;
    try {
      return await write();
    } finally {
      this.#writing = false;
      this.#standing.renew();
    }
  }

  /** Runs what counts on no transaction being open but those of reads that go on. */
  async without<T>(work: () => Promise<T>): Promise<T> {
    await this.#standing.down();
    try {
      return await work();
    } finally {
      this.#standing.up();
    }
  }

  /**
   * Runs one SELECT in a read-only transaction and streams its rows; the connection is given back when the stream
   * ends, fails or is left early.
   */
  async read(read: Read, limits: ReadLimits): Promise<RowStream> {
    limits.signal.throwIfAborted();
    if (limits.timeoutMs <= 0) throw queryTimeout(limits);
    const connection = await this.#take(read);
    const onUnread = () => void this.#give(task);
    const begun = this.#standing.owns(connection);
    const task = new ReadTask(connection, { read, limits, begun, onUnread, onStuck: this.#onStuck });
    try {
      const result = await task.held(task.start());
      this.#saw(connection);
      const columns = read.columns ?? columnsOf(result);
      if (!(result instanceof DuckDBMaterializedResult)) {
        return streamWithin({ columns, chunks: this.#chunks(task, result) }, limits);
      }
      const rows = rowsOfAll(result);
      await this.#give(task);
      return streamWithin({ columns, chunks: chunkOf(rows) }, limits);
    } catch (error) {
      await this.#give(task, { failed: true });
      throw task.explain(error);
    }
  }

  /** Small results of our own, whole. */
  async all(text: string, parameters: readonly string[] = []): Promise<(readonly Value[])[]> {
    const connection = await this.#take({ small: true });
    const begun = this.#standing.owns(connection);
    let failed = true;
    try {
      if (!begun) await connection.run(BEGIN);
      const reader = await connection.runAndReadAll(text, [...parameters]);
      this.#saw(connection);
      const types = reader.columnTypes();
      failed = false;
      return reader.getRows().map((row) => row.map((value, at) => valueOfDuck(value, typeAt(types, at))));
    } finally {
      if (!begun) await connection.run('ROLLBACK').catch(() => {});
      this.#release(connection, { failed });
    }
  }

  async close(): Promise<void> {
    await this.#standing.close();
    for (const connection of this.#idle.splice(0)) connection.closeSync();
  }

  /** A transaction of a read's own may have seen what is being written: what is read after it must not be older. */
  #saw(connection: DuckDBConnection): void {
    if (this.#writing && !this.#standing.owns(connection)) this.#standing.renew();
  }

  async *#chunks(task: ReadTask, result: DuckDBResult) {
    try {
      task.begin();
      const types = result.columnTypes();
      for (;;) {
        const chunk: DuckDBDataChunk | null = await task.held(result.fetchChunk());
        if (!chunk || chunk.rowCount === 0) return;
        yield rowsOf(chunk, types);
      }
    } catch (error) {
      throw task.explain(error);
    } finally {
      await this.#give(task);
    }
  }

  async #take({ small }: Pick<Read, 'small'>): Promise<DuckDBConnection> {
    const ready = (small ? this.#standing.take() : null) ?? this.#idle.pop();
    if (ready) return ready;
    if (this.#opened < QUERY_LIMITS.concurrentMax) {
      this.#opened += 1;
      return this.#instance.connect();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #give(task: ReadTask, how = { failed: false }): Promise<void> {
    if (await task.end()) this.#release(task.connection, how);
    else if (task.stuck) this.#standing.lose(task.connection);
  }

  #release(connection: DuckDBConnection, how: { readonly failed: boolean }): void {
    if (this.#standing.owns(connection)) {
      this.#standing.give(connection, how);
      return;
    }
    const next = this.#waiting.shift();
    if (next) next(connection);
    else this.#idle.push(connection);
  }
}

interface TaskOptions {
  readonly read: Read;
  readonly limits: ReadLimits;
  /** The connection is in a transaction that stands. */
  readonly begun: boolean;
  readonly onUnread: () => void;
  readonly onStuck: (error: AzudError) => void;
}

/** One read on one connection: its transaction, its statement, its deadline. */
class ReadTask {
  readonly connection: DuckDBConnection;
  readonly #read: Read;
  readonly #limits: ReadLimits;
  readonly #begun: boolean;
  readonly #onUnread: () => void;
  readonly #onStuck: (error: AzudError) => void;
  readonly #stop: () => void;
  /** Rejects when the engine goes on although it was interrupted. */
  readonly #stuck = Promise.withResolvers<never>();
  #grace: NodeJS.Timeout | null = null;
  #busy = false;
  #state: 'unread' | 'reading' | 'stuck' | 'ended' = 'unread';
  #deadline: NodeJS.Timeout | null = null;
  #interrupting: NodeJS.Timeout | null = null;
  #timedOut = false;
  #inTransaction = false;
  #streaming = false;
  #statement: DuckDBPreparedStatement | null = null;

  /** `onUnread`: the time is up and nobody has begun to read the stream; perhaps nobody ever will. */
  constructor(connection: DuckDBConnection, options: TaskOptions) {
    this.connection = connection;
    this.#onStuck = options.onStuck;
    this.#stuck.promise.catch(() => {});
    this.#read = options.read;
    this.#limits = options.limits;
    this.#begun = options.begun;
    this.#onUnread = options.onUnread;
    this.#stop = () => this.#interrupt();
  }

  async start(): Promise<DuckDBResult> {
    const { timeoutMs, signal } = this.#limits;
    // It may have aborted while the read waited for its connection.
    signal.throwIfAborted();
    this.#deadline = setTimeout(() => {
      this.#timedOut = true;
      this.#interrupt();
      this.#grace = setTimeout(() => this.#giveUp(), QUERY_LIMITS.interruptGraceMs);
      if (this.#streaming && this.#state === 'unread') this.#onUnread();
    }, timeoutMs);
    signal.addEventListener('abort', this.#stop, { once: true });
    if (!this.#begun) {
      await this.connection.run(BEGIN);
      this.#inTransaction = true;
    }
    const { text, bind, small } = this.#read;
    if (small && !bind) return this.connection.run(text);
    this.#statement = await this.connection.prepare(text);
    if (this.#statement.statementType !== StatementType.SELECT) {
      throw new AzudError('sql-failed', 'only one SELECT statement can be run');
    }
    bind?.(this.#statement);
    if (small) return this.#statement.run();
    const result = await this.#statement.stream();
    this.#streaming = true;
    return result;
  }

  get stuck(): boolean {
    return this.#state === 'stuck';
  }

  /** The stream is read from now on. @throws AzudError `query-timeout` when that is too late */
  begin(): void {
    if (this.#state === 'ended') throw queryTimeout(this.#limits);
    this.#state = 'reading';
  }

  /** A call of the engine, waited for no longer than it may go on once it is interrupted. */
  async held<T>(call: Promise<T>): Promise<T> {
    this.#busy = true;
    try {
      return await Promise.race([call, this.#stuck.promise]);
    } finally {
      this.#busy = false;
    }
  }

  /** Ends the transaction; true the first time, when the connection becomes free. A stuck one never does. */
  async end(): Promise<boolean> {
    if (this.#grace) clearTimeout(this.#grace);
    if (this.#interrupting && this.#state === 'stuck') clearInterval(this.#interrupting);
    if (this.#state === 'ended' || this.#state === 'stuck') return false;
    this.#state = 'ended';
    if (this.#deadline) clearTimeout(this.#deadline);
    if (this.#interrupting) clearInterval(this.#interrupting);
    this.#limits.signal.removeEventListener('abort', this.#stop);
    this.#statement?.destroySync();
    this.#statement = null;
    // Fails where the engine ended the transaction itself.
    if (this.#inTransaction) await this.connection.run('ROLLBACK').catch(() => {});
    return true;
  }

  /** An interrupt between two calls of the engine is lost, so it is repeated until the read ends. */
  #interrupt(): void {
    this.connection.interrupt();
    this.#interrupting ??= setInterval(() => this.connection.interrupt(), 20);
  }

  #giveUp(): void {
    if (!this.#busy || this.#state === 'ended') return;
    this.#state = 'stuck';
    this.#stuck.reject(queryTimeout(this.#limits));
    if (this.#limits.trial) return;
    const after = `${QUERY_LIMITS.interruptGraceMs} ms after it was interrupted`;
    this.#onStuck(new AzudError('query-timeout', `a query went on ${after}; only the end of its process ends it`));
  }

  explain(error: unknown): unknown {
    if (this.#timedOut) return queryTimeout(this.#limits);
    if (this.#limits.signal.aborted) return this.#limits.signal.reason;
    return this.#read.classify(error);
  }
}

function columnsOf(result: DuckDBResult): Pick<Column, 'name' | 'type'>[] {
  return distinctNames(result.columnNames()).map((name, at) => ({
    name,
    type: columnTypeOf(result.columnType(at), result.columnLogicalType(at).alias),
  }));
}

type Types = ReturnType<DuckDBResult['columnTypes']>;

function typeAt(types: Types, at: number): Types[number] {
  const type = types[at];
  if (!type) throw new AzudError('internal', `a result has no column ${at}`);
  return type;
}

function rowsOf(chunk: DuckDBDataChunk, types: Types): Value[][] {
  const columns = types.map((type, at) => chunk.getColumnValues(at).map((value) => valueOfDuck(value, type)));
  return Array.from({ length: chunk.rowCount }, (_, row) => columns.map((column) => column[row] ?? null));
}

function rowsOfAll(result: DuckDBMaterializedResult): Value[][] {
  const types = result.columnTypes();
  return Array.from({ length: result.chunkCount }, (_, at) => rowsOf(result.getChunk(at), types)).flat();
}

async function* chunkOf(rows: Value[][]) {
  if (rows.length > 0) yield rows;
}
