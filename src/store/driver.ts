import type { Position, Progress } from '../broker/driver.ts';
import type { Batch, DeadStage } from '../event/batch.ts';
import type { Column, ColumnType, Dataset } from '../event/dataset.ts';
import type { Counts } from '../event/outcome.ts';

/**
 * The contract of a store driver, the twin of `BrokerDriver`: it moves rows, classifies its errors, declares what it can
 * do, and never retries. `Store` (store.ts) owns retry, limits and metrics.
 */
export interface StoreDriver {
  readonly capabilities: StoreCapabilities;
  /**
   * Connects, recovers, and makes the tables fit the datasets: creates tables, adds columns.
   * @throws AzudError `destructive-change` with one RowError for each difference, before anything was changed;
   *   `not-connected`, `access-denied`, `locked`
   */
  open(datasets: readonly Dataset[], options: OpenOptions): Promise<void>;
  /**
   * A recovery, or a new file, left rows out that only the broker can give again: until `rebuilt` it holds a part of what
   * it held. Outlives the process. Absent where nothing is ever left out.
   */
  readonly rebuilding?: boolean;
  /** The broker has given all of it again. */
  rebuilt?(): Promise<void>;
  /** How far the store has come; empty for a new one. */
  progress(): Promise<Progress>;
  /**
   * Writes the unit in ONE transaction: rows, ids, dead letters, transactions, ledger, progress. Batches that the stored
   * progress already covers (by position, or by batch id) are left out and answered with `null`.
   * @throws AzudError `bad-row` when some line cannot be stored: nothing was written, and `isolate` finds the line;
   *   `storage-full`, `not-connected`, `store-damaged`, `io-failed`: nothing is known to be written, read progress again
   */
  write(unit: WriteUnit): Promise<readonly (Counts | null)[]>;
  /**
   * The unit that `write` will be called with (the same batches) after those that it was told of before. Work may be done for
   * it; nothing is written, and nothing is owed.
   */
  prepare?(unit: WriteUnit): void;
  /** Tries to convert lines of a dataset without writing. @throws AzudError `bad-row` with `path` when some line fails */
  probe(dataset: Dataset, lines: Buffer): Promise<void>;
  /** Rows of a dataset or of a system table (tables.ts). Undeclared names never reach a driver. */
  rows(query: RowsQuery, limits: RowsLimits): Promise<RowStream>;
  /** One read-only SELECT; undefined where `capabilities.sql` is false. @throws AzudError `sql-failed`, `query-timeout`, `query-memory` */
  sql?(query: SqlQuery, limits: ReadLimits): Promise<RowStream>;
  /**
   * One SELECT of a caller's own words, kept apart from all else the store does: it may fail, but nothing else with it.
   * Undefined where the store cannot.
   * @throws AzudError `statement-not-allowed`, `function-not-allowed`, `sql-failed`, `query-timeout`, `query-memory`,
   *   `result-too-large`, `sql-not-supported`, `unavailable` while what is to be read is still being made
   */
  adHoc?(query: SqlQuery, limits: AdHocLimits): Promise<AdHocRows>;
  /** Ledger and progress as of one moment: what conservation compares with the broker's backlog. */
  ledger(): Promise<Ledger>;
  /**
   * Puts another progress in the place of the stored one, and keeps with it what `Ledger.carried` answers from then on.
   * Rows and sums stay. For an operator who joins the store to another log; undefined where the store cannot.
   */
  join?(progress: Progress, carried: Ledger['carried']): Promise<void>;
  describe(dataset: string): Promise<TableFacts>;
  /** Removes rows, ids and transactions past their retention. */
  sweep(now: number): Promise<void>;
  /** A verified copy beside the store; answers the progress it holds. Undefined where the store is its own safety. */
  snapshot?(): Promise<Progress>;
  /** What such a copy would have to copy now, bytes. */
  snapshotBytes?(): Promise<number>;
  /** The progress that the last verified copy holds; empty when there is none, or none that can be read. */
  lastSnapshot?(): Promise<Progress>;
  /**
   * Keeps the value under the name, unless there is one already; answers what is kept, the same to every process.
   * Undefined where one process has the store alone.
   */
  keep?(name: string, value: Buffer): Promise<Buffer>;
  close(): Promise<void>;
}

export interface StoreCapabilities {
  readonly kind: string;
  /** Answers SQL endpoints. */
  readonly sql: boolean;
  /** Who may open it at the same time. */
  readonly sharing: 'process' | 'host' | 'network';
  /** Column types it keeps exactly; others are refused by `check`. */
  readonly columnTypes: readonly ColumnType[];
}

export interface OpenOptions {
  readonly allowDestructive: boolean;
  /** Says which step of a recovery is running, for /readyz and the log. */
  readonly onStep: (step: string) => void;
}

export interface WriteUnit {
  readonly batches: readonly UnitBatch[];
}

export interface UnitBatch {
  readonly batch: Batch;
  readonly position: Position | null;
  /** Lines (from 0) of the batch that are dead letters instead of rows, found by isolation. */
  readonly dead: ReadonlyMap<number, DeadReason>;
}

export interface DeadReason {
  readonly stage: DeadStage;
  readonly code: string;
  readonly message: string;
  readonly path: string;
}

/** Values of a row by column type: string → string, integer → number | bigint, number → number, decimal → string,
 * boolean → boolean, timestamp → ISO 8601 string in UTC, date → YYYY-MM-DD, uuid → string, json → its exact text. */
export type Value = string | number | bigint | boolean | null;

export interface RowStream {
  readonly columns: readonly Pick<Column, 'name' | 'type'>[];
  /** Chunks of rows, each row an array parallel to `columns`. Returning early (or aborting) frees the connection. */
  readonly chunks: AsyncIterable<readonly (readonly Value[])[]>;
}

export type ConditionOperator = 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte' | 'in' | 'like' | 'is';

/** `in` takes a list; `is` takes null, true or false; `like` takes a pattern with `%` and `_`. */
export interface Condition {
  readonly column: string;
  readonly operator: ConditionOperator;
  readonly value: Value | readonly Value[];
}

export interface Order {
  readonly column: string;
  readonly descending: boolean;
}

/** A portable read of one table. Names are checked against the table before a driver sees them. */
export interface RowsQuery {
  readonly table: string;
  readonly select: readonly Pick<Column, 'name' | 'type'>[];
  readonly where: readonly Condition[];
  /** Ends with a unique column, so that `after` names one place. Nulls sort last in either direction. */
  readonly order: readonly Order[];
  /** Keyset: only rows after the row with these values of the `order` columns. */
  readonly after: readonly Value[] | null;
  readonly limit: number;
}

export interface SqlQuery {
  /** With `$name` placeholders. */
  readonly text: string;
  readonly params: Readonly<Record<string, { readonly type: ColumnType; readonly value: Value }>>;
}

/** SQL is bounded by time alone: its rows are streamed, and the reader sets the pace. */
export interface ReadLimits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Only a trial of our own: that it cannot be ended is no reason to end the process. */
  readonly trial?: boolean;
}

export interface AdHocLimits extends ReadLimits {
  /** How old the data may be, ms, where a copy is read. */
  readonly maxAgeMs: number;
  readonly memoryBytes: number;
}

export interface AdHocRows extends RowStream {
  /** The moment that the rows are of, ms since the epoch; null: of now. */
  readonly asOf: number | null;
}

export interface RowsLimits extends ReadLimits {
  readonly rowsMax: number;
}

export interface Ledger {
  readonly progress: Progress;
  /** By dataset. `accepted` here is what the store has seen: stored + duplicate + dead. */
  readonly counts: ReadonlyMap<string, Counts>;
  /**
   * By dataset: events in `counts` that the broker does not count, because they came from a log that another has taken the
   * place of. Below 0: events that the broker counts and the store has never seen.
   */
  readonly carried: ReadonlyMap<string, number>;
}

export interface TableFacts {
  readonly rows: number;
  /** ISO 8601 of `_received_at`, null for an empty table. */
  readonly first: string | null;
  readonly last: string | null;
  /** Estimate, bytes on disk. */
  readonly bytes: number;
}
