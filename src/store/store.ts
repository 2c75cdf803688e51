import type { Progress } from '../broker/driver.ts';
import { AzudError, isAzudError, messageOf } from '../error/azud-error.ts';
import { rowCode } from '../error/catalogue.ts';
import type { Batch } from '../event/batch.ts';
import type { Dataset } from '../event/dataset.ts';
import type { Counts } from '../event/outcome.ts';
import { backoffMs } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type {
  AdHocLimits,
  AdHocRows,
  DeadReason,
  Ledger,
  OpenOptions,
  ReadLimits,
  RowStream,
  RowsLimits,
  RowsQuery,
  SqlQuery,
  StoreCapabilities,
  StoreDriver,
  TableFacts,
  WriteUnit,
} from './driver.ts';
import { isolate } from './isolation.ts';
import { receiptsKeptMs } from './sweep.ts';
import { TRANSACTIONS } from './tables.ts';

export interface StoreOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly retry?: Partial<{ readonly [Name in keyof typeof RETRY]: number }>;
}

/** A receipt by its id is one lookup; a scan of all of them, where there is no index, is a repair's to wait for. */
const RECEIPT_TIMEOUT_MS = 60_000;

/** Five tries within about 3 s; what lasts longer is the caller's to wait for. */
const RETRY = Object.freeze({ attemptsMax: 5, firstMs: 100, maxMs: 2_000 });

/**
 * Worth trying again at once. A full disk, a lock or a slow query is not: those need someone to act, or to wait longer.
 * Repeating a write is safe even when its outcome is unknown: the driver reads its progress again and leaves out what
 * was written after all (answered with null).
 */
const TRANSIENT: ReadonlySet<string> = new Set(['not-connected', 'unavailable', 'overloaded']);

/** The analytics database as the rest of Azud sees it: retry, isolation of bad rows and metrics over a driver. */
export class Store {
  readonly #driver: StoreDriver;
  readonly #options: StoreOptions;

  constructor(driver: StoreDriver, options: StoreOptions) {
    this.#driver = driver;
    this.#options = options;
  }

  get capabilities(): StoreCapabilities {
    return this.#driver.capabilities;
  }

  /**
   * Connects, recovers, and makes the tables fit the datasets.
   * @throws AzudError `destructive-change`, `not-connected`, `access-denied`, `locked`, `invalid-config` when a dataset
   *   needs a column type that this store cannot keep exactly
   */
  async open(datasets: readonly Dataset[], options: OpenOptions): Promise<void> {
    this.#refuseTypes(datasets);
    return this.#call('open', () => this.#driver.open(datasets, options));
  }

  /** It lacks rows that only the broker can give again: see `StoreDriver.rebuilding`. */
  get rebuilding(): boolean {
    return this.#driver.rebuilding ?? false;
  }

  /** All of them have been given again. */
  async rebuilt(): Promise<void> {
    await this.#driver.rebuilt?.();
  }

  /** How far the store has come; empty for a new one. */
  progress(): Promise<Progress> {
    return this.#call('progress', () => this.#driver.progress());
  }

  /**
   * Writes the unit in one transaction. One answer a batch; null: it was written before.
   * @throws AzudError `bad-row` (nothing was written: `isolate` finds the lines), `storage-full`, `store-damaged`,
   *   `not-connected`, `io-failed`: try the same unit again later
   */
  write(unit: WriteUnit): Promise<readonly (Counts | null)[]> {
    return this.#call('write', () => this.#driver.write(unit));
  }

  /** See `StoreDriver.prepare`. */
  prepare(unit: WriteUnit): void {
    this.#driver.prepare?.(unit);
  }

  /** The lines (from 0) that the store cannot keep, each with its reason. Writes nothing. */
  isolate(dataset: Dataset, lines: Buffer): Promise<Map<number, DeadReason>> {
    return isolate(lines, async (some) => {
      const error = await this.#call('probe', () => this.#driver.probe(dataset, some)).then(
        () => null,
        (reason: unknown) => reason,
      );
      if (error === null) return null;
      if (!isAzudError(error, 'bad-row')) throw error;
      return { stage: 'store', code: rowCode('bad-row'), message: error.message, path: error.path ?? '' };
    });
  }

  /** Rows of a dataset or of a system table. Names must have been checked against the table. */
  rows(query: RowsQuery, limits: RowsLimits): Promise<RowStream> {
    return this.#call('rows', () => this.#driver.rows(query, limits));
  }

  /** One read-only SELECT. @throws AzudError `sql-failed`, `query-timeout`, `query-memory`, `unavailable` without SQL */
  sql(query: SqlQuery, limits: ReadLimits): Promise<RowStream> {
    return this.#call('sql', async () => {
      if (this.#driver.sql) return this.#driver.sql(query, limits);
      throw new AzudError('sql-failed', `the ${this.capabilities.kind} store answers no SQL`);
    });
  }

  /** See `StoreDriver.adHoc`. Tried once: whoever wrote it is waiting, and may ask again. */
  adHoc(query: SqlQuery, limits: AdHocLimits): Promise<AdHocRows> {
    const run = async () => {
      if (this.#driver.adHoc) return this.#driver.adHoc(query, limits);
      throw new AzudError('sql-not-supported', `the ${this.capabilities.kind} store answers no SQL`);
    };
    return this.#call('ad_hoc', run, 1);
  }

  ledger(): Promise<Ledger> {
    return this.#call('ledger', () => this.#driver.ledger());
  }

  /**
   * Whether the store has written the batch, by its receipt; true of one so old that its receipt may be gone.
   * @param dataset null: not declared any more, its receipts are kept
   */
  async wrote({ id, time }: Pick<Batch, 'id'> & { readonly time: number }, dataset: Dataset | null): Promise<boolean> {
    if (dataset && this.#options.clock.now() - time > receiptsKeptMs(dataset)) return true;
    const { name: table, columns } = TRANSACTIONS;
    const query = {
      table,
      select: columns.filter(({ name }) => name === 'batch_id'),
      where: [{ column: 'batch_id', operator: 'eq', value: id }],
      order: [{ column: 'batch_id', descending: false }],
      after: null,
      limit: 1,
    } as const;
    const limits = { rowsMax: 1, timeoutMs: RECEIPT_TIMEOUT_MS, signal: new AbortController().signal };
    for await (const rows of (await this.rows(query, limits)).chunks) if (rows.length > 0) return true;
    return false;
  }

  /** See `StoreDriver.join`. @throws AzudError `invalid-usage` where the store cannot */
  join(progress: Progress, carried: Ledger['carried']): Promise<void> {
    return this.#call('join', async () => {
      if (this.#driver.join) return this.#driver.join(progress, carried);
      throw new AzudError('invalid-usage', `the ${this.capabilities.kind} store cannot be joined to another log`);
    });
  }

  describe(dataset: string): Promise<TableFacts> {
    return this.#call('describe', () => this.#driver.describe(dataset));
  }

  /** Removes what is past its retention at `now`, ms. A clock that jumped is not believed: see sweep.ts. */
  sweep(now: number): Promise<void> {
    return this.#call('sweep', () => this.#driver.sweep(now));
  }

  /** A verified copy; answers the progress that no longer needs the broker. Where the store is its own safety: its progress. */
  snapshot(): Promise<Progress> {
    return this.#call('snapshot', () => (this.#driver.snapshot ?? this.#driver.progress).call(this.#driver));
  }

  /** What a snapshot would copy, bytes; 0 where the store is its own safety. */
  async snapshotBytes(): Promise<number> {
    return (await this.#driver.snapshotBytes?.()) ?? 0;
  }

  /** The progress that the last copy holds, of this process or one before it; empty when there is none. */
  async lastSnapshot(): Promise<Progress> {
    return (await this.#driver.lastSnapshot?.()) ?? [];
  }

  /** What processes that share the store agree on: the first value that was given. Null where one process has it alone. */
  async keep(name: string, value: Buffer): Promise<Buffer | null> {
    if (!this.#driver.keep) return null;
    return this.#call('keep', async () => (await this.#driver.keep?.(name, value)) ?? null);
  }

  close(): Promise<void> {
    return this.#driver.close();
  }

  #refuseTypes(datasets: readonly Dataset[]): void {
    const { columnTypes, kind } = this.capabilities;
    const errors = datasets.flatMap(({ name, columns }) =>
      columns
        .filter(({ type }) => !columnTypes.includes(type))
        .map((column) => ({
          path: `/datasets/${name}/schema/properties/${column.name}`,
          code: rowCode('invalid-config'),
          message: `${name}: the ${kind} store cannot keep column ${column.name} of type ${column.type} exactly`,
        })),
    );
    if (errors.length > 0) throw new AzudError('invalid-config', errors[0]?.message ?? '', { errors });
  }

  async #call<T>(name: string, work: () => Promise<T>, triesMax = Number.POSITIVE_INFINITY): Promise<T> {
    const { clock, log, retry } = this.#options;
    const { attemptsMax, firstMs, maxMs } = { ...RETRY, ...retry };
    for (let attempt = 1; ; attempt += 1) {
      const started = clock.monotonic();
      try {
        const result = await work();
        this.#observe(name, started, '');
        return result;
      } catch (error) {
        const code = isAzudError(error) ? error.code : 'internal';
        this.#observe(name, started, code);
        if (!TRANSIENT.has(code) || attempt >= Math.min(attemptsMax, triesMax)) throw error;
        log.warn('store call will be tried again', { operation: name, attempt, error: messageOf(error) });
        await clock.sleep(backoffMs(attempt - 1, { firstMs, maxMs }));
      }
    }
  }

  #observe(operation: string, started: number, errorType: string): void {
    const seconds = (this.#options.clock.monotonic() - started) / 1000;
    this.#options.metrics
      .histogram('db_client_operation_duration_seconds', {
        db_operation_name: operation,
        db_system_name: this.capabilities.kind,
        error_type: errorType,
      })
      .observe(seconds);
  }
}
