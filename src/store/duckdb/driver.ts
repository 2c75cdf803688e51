// Before anything that loads the engine.
import './allocator.ts';

import { rm, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { Progress } from '../../broker/driver.ts';
import { AzudError, isAzudError } from '../../error/azud-error.ts';
import type { Dataset } from '../../event/dataset.ts';
import { SYSTEM_COLUMNS } from '../../event/dataset.ts';
import type { Counts } from '../../event/outcome.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type {
  AdHocLimits,
  AdHocRows,
  Ledger,
  OpenOptions,
  ReadLimits,
  RowStream,
  RowsLimits,
  RowsQuery,
  SqlQuery,
  StoreDriver,
  TableFacts,
  WriteUnit,
} from '../driver.ts';
import { quote } from '../sql/dialect.ts';
import { receiptsKeptMs, sweepHorizon } from '../sweep.ts';
import { SYSTEM_TABLES } from '../tables.ts';
import { badRow } from '../value.ts';
import { runApart } from './ad-hoc.ts';
import { AdHocCopy } from './ad-hoc-copy.ts';
import { DUCKDB_CAPABILITIES } from './capabilities.ts';
import { DUCKDB_DEFAULTS, type DuckdbStoreConfig } from './config.ts';
import { Copier } from './copier.ts';
import { classify, failureOf } from './errors.ts';
import { type CoresFree, FreeCores } from './free-cores.ts';
import { IdleCheckpoint } from './idle-checkpoint.ts';
import { assemble, type Opened } from './opened.ts';
import { Reader } from './reader.ts';
import { filesOf, markDamaged, openWithRecovery, type StoreFiles } from './recovery.ts';
import { type DuckdbSettings, Session } from './session.ts';
import { partOf, progressOfSnapshot, takeSnapshot } from './snapshot.ts';
import * as SQL from './statements.ts';
import { fitTables, refuseTwins } from './tables.ts';
import { type Head, progressOf, readHead, type Written } from './unit-writer.ts';
import { hasRoom } from './wal-room.ts';

export interface DuckdbContext {
  readonly dataDir: string;
  /** The engine has invalidated itself: this process must exit; the next one recovers. */
  readonly onFatal: (error: AzudError) => void;
  /** A read heeds no interrupt: until this process ends it holds a connection and a core. */
  readonly onStuck?: ((error: AzudError) => void) | undefined;
  readonly clock?: Clock;
  readonly freeCores?: CoresFree;
}

const DAY_MS = 24 * 3600 * 1000;
const CONVERTING = 'the lines cannot be converted';
/** Batch ids of brokers without positions: longer than any of them redelivers. */
const BATCH_IDS_KEPT_MS = 14 * DAY_MS;

export class DuckdbStoreDriver implements StoreDriver {
  readonly capabilities = DUCKDB_CAPABILITIES;
  readonly #settings: DuckdbSettings;
  readonly #files: StoreFiles;
  readonly #onFatal: DuckdbContext['onFatal'];
  readonly #onStuck: DuckdbContext['onStuck'];
  readonly #clock: Clock;
  readonly #freeCores: CoresFree;
  #opened: Opened | null = null;
  #rebuilding = false;
  /** Null when a write ended without a known outcome: then it is read again. */
  #head: Head | null = null;
  /** Writes, sweeps and checkpoints, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #probes: Promise<unknown> = Promise.resolve();
  readonly #idle: IdleCheckpoint;
  readonly #copier: Copier;
  readonly #copy: AdHocCopy;
  /** Nothing that is stored was received later, epoch ms. */
  #newestMs = 0;
  /** Of what is written, for the copy: the same number, the same rows. */
  #version = 0;
  /** Of ad-hoc queries, for their temporary folders. */
  #asked = 0;

  constructor(config: DuckdbStoreConfig, { dataDir, onFatal, onStuck, clock = systemClock, freeCores }: DuckdbContext) {
    this.#settings = { ...DUCKDB_DEFAULTS, ...config };
    const { path } = this.#settings;
    this.#files = filesOf(isAbsolute(path) ? path : join(dataDir, path));
    this.#onFatal = onFatal;
    this.#onStuck = onStuck;
    this.#clock = clock;
    this.#freeCores = freeCores ?? new FreeCores();
    const checkpoint = (options: { readonly merge: boolean }) =>
      this.#inTurn('the checkpoint failed', ({ writer }) => writer.checkpoint(options));
    this.#idle = new IdleCheckpoint({ files: this.#files, clock, checkpoint });
    this.#copier = new Copier({
      files: this.#files,
      threshold: this.#settings.checkpoint_threshold,
      inTurn: (work) => this.#inTurn('the database cannot be copied', ({ writer }) => work(writer)),
      onRelease: () => this.#idle.schedule({ replaced: false }),
    });
    this.#copy = new AdHocCopy({ files: this.#files, clock, copier: this.#copier, version: () => this.#version });
  }

  async open(datasets: readonly Dataset[], { allowDestructive, onStep }: OpenOptions): Promise<void> {
    refuseTwins(datasets);
    const options = { settings: this.#settings, clock: this.#clock, onStep };
    const { instance, rebuilding } = await openWithRecovery(this.#files, options);
    this.#rebuilding = rebuilding;
    try {
      const writer = await Session.open(instance);
      await fitTables(writer, datasets, allowDestructive);
      this.#head = await readHead(writer);
      this.#newestMs = this.#head.lastReceivedAt;
      writer.close();
      await Promise.all([this.#copy.remove(), rm(partOf(this.#files), { force: true })]);
      const mayStand = () => hasRoom(this.#files.wal);
      const reader = new Reader(instance, { onStuck: this.#onStuck, mayStand });
      const report = (error: AzudError) => this.#reported(error);
      this.#opened = await assemble(reader, {
        instance,
        datasets,
        report,
        newestMs: () => this.#newestMs,
        tandem: { wal: this.#files.wal, freeCores: this.#freeCores },
      });
    } catch (error) {
      instance.closeSync();
      throw this.#marked(classify(error, 'the tables cannot be made to fit'));
    }
  }

  get rebuilding(): boolean {
    return this.#rebuilding;
  }

  async rebuilt(): Promise<void> {
    await rm(this.#files.rebuilding, { force: true });
    this.#rebuilding = false;
  }

  async progress(): Promise<Progress> {
    return progressOf(await this.#headNow());
  }

  async write(unit: WriteUnit): Promise<readonly (Counts | null)[]> {
    this.#idle.cancel();
    await this.#copier.admit();
    return this.#turnOf('the unit cannot be written', async (opened) => {
      const { datasets, reader } = opened;
      this.#version += 1;
      const written = await reader.beside(() => this.#writeWidened(unit, opened));
      this.#head = written.head;
      this.#newestMs = written.head.lastReceivedAt;
      this.#idle.schedule({
        replaced: unit.batches.some(({ batch }) => datasets.get(batch.dataset)?.mode === 'upsert'),
      });
      return written.results;
    });
  }

  /** Integers of more than 64 bits make their columns wider. */
  async #writeWidened(unit: WriteUnit, opened: Opened): Promise<Written> {
    const { units, tandem } = opened;
    return this.#tryWrite(unit, opened).catch(async (error: unknown) => {
      if (classify(error, '').code !== 'bad-row') throw error;
      await tandem.drop();
      if (!(await units.widen(unit))) throw error;
      return this.#tryWrite(unit, opened);
    });
  }

  /** One transaction. After a `bad-row` nothing was written; after another failure that is not known. */
  async #tryWrite(unit: WriteUnit, opened: Opened): Promise<Written> {
    const head = await this.#readHead(opened);
    this.#head = null;
    try {
      return await opened.tandem.write(unit, head);
    } catch (error) {
      if (classify(error, '').code === 'bad-row') this.#head = head;
      throw error;
    }
  }

  prepare(unit: WriteUnit): void {
    this.#opened?.tandem.prepare(unit);
  }

  probe(dataset: Dataset, lines: Buffer): Promise<void> {
    const done = this.#probes.then(() => this.#probe(dataset, lines));
    this.#probes = done.catch(() => {});
    return done;
  }

  async rows(query: RowsQuery, limits: RowsLimits): Promise<RowStream> {
    const { queries, datasets } = this.#now();
    const system = SYSTEM_TABLES.find(({ name }) => name === query.table);
    const columns = system?.columns ?? [...(datasets.get(query.table)?.columns ?? []), ...SYSTEM_COLUMNS];
    return queries.rows(query, columns, limits);
  }

  async sql(query: SqlQuery, limits: ReadLimits): Promise<RowStream> {
    return this.#now().queries.sql(query, limits);
  }

  async adHoc(query: SqlQuery, limits: AdHocLimits): Promise<AdHocRows> {
    const { datasets } = this.#now();
    const deadline = this.#clock.monotonic() + limits.timeoutMs;
    const fresh = () => this.#copy.fresh(limits.maxAgeMs, limits.timeoutMs);
    const asOf = await this.#classified('the copy for ad-hoc SQL failed', fresh);
    this.#asked += 1;
    const task = {
      query,
      file: this.#copy.file,
      tables: [...datasets.keys(), ...SYSTEM_TABLES.map(({ name }) => name)],
      memoryBytes: limits.memoryBytes,
      tempFolder: join(this.#copy.tempFolder, String(this.#asked)),
    };
    const timeoutMs = Math.max(1, Math.round(deadline - this.#clock.monotonic()));
    return { ...(await runApart(task, { timeoutMs, signal: limits.signal })), asOf };
  }

  async ledger(): Promise<Ledger> {
    const head = await this.#headNow();
    return { progress: progressOf(head), counts: head.counts, carried: head.carried };
  }

  join(progress: Progress, carried: Ledger['carried']): Promise<void> {
    return this.#inTurn('the store cannot be joined to the log', async ({ writer }) => {
      this.#head = null;
      await writer.run(SQL.JOIN_HEAD, [JSON.stringify(progress), JSON.stringify(Object.fromEntries(carried))]);
    });
  }

  async describe(dataset: string): Promise<TableFacts> {
    const { reader, datasets } = this.#now();
    const others = [...datasets.keys()].map((name) => `(SELECT count(*) FROM ${quote(name)})`);
    const [row] = await reader.all(
      `SELECT count(*), min("_received_at"), max("_received_at"), ${others.join(' + ')} FROM ${quote(dataset)}`,
    );
    const [rows, first, last, all] = row ?? [];
    const bytes = (await stat(this.#files.main)).size;
    return {
      rows: Number(rows),
      first: typeof first === 'string' ? first : null,
      last: typeof last === 'string' ? last : null,
      bytes: Math.round((bytes * Number(rows)) / Math.max(1, Number(all))),
    };
  }

  sweep(now: number): Promise<void> {
    return this.#inTurn('the sweep failed', async (opened) => {
      const { writer, datasets } = opened;
      this.#version += 1;
      const horizon = sweepHorizon(now, (await this.#readHead(opened)).lastReceivedAt);
      for (const dataset of datasets.values()) {
        await writer.run(`DELETE FROM ${SQL.idsTable(dataset.name)} WHERE received_ms < CAST($1 AS BIGINT)`, [
          String(horizon - dataset.dedupeWindowMs),
        ]);
        const { name, retentionMs } = dataset;
        await writer.transaction(async () => {
          if (retentionMs !== null) await writer.run(SQL.sweepRows(name), [String(horizon - retentionMs)]);
          await writer.run(SQL.SWEEP_TRANSACTIONS, [String(horizon - receiptsKeptMs(dataset)), name]);
        });
      }
      const oldest = String(horizon - BATCH_IDS_KEPT_MS);
      await writer.run('DELETE FROM "_batches" WHERE received_ms < CAST($1 AS BIGINT)', [oldest]);
    });
  }

  async snapshot(): Promise<Progress> {
    const tables = [...SYSTEM_TABLES.map(({ name }) => name), ...this.#now().datasets.keys()];
    return this.#classified('the snapshot failed', () => takeSnapshot(this.#copier, tables, this.#files));
  }

  async snapshotBytes(): Promise<number> {
    return (await stat(this.#files.main)).size;
  }

  lastSnapshot(): Promise<Progress> {
    return progressOfSnapshot(this.#files);
  }

  async close(): Promise<void> {
    await this.#copy.close();
    await this.#copier.settled();
    this.#idle.cancel();
    await this.#turn.catch(() => {});
    await this.#probes;
    const opened = this.#opened;
    this.#opened = null;
    this.#head = null;
    if (!opened) return;
    await opened.tandem.close();
    await opened.reader.close();
    opened.prober.close();
    opened.instance.closeSync();
  }

  #now(): Opened {
    if (!this.#opened) throw new AzudError('unavailable', 'the database is not open');
    return this.#opened;
  }

  async #headNow(): Promise<Head> {
    return this.#head ?? this.#turnOf('the progress cannot be read', (opened) => this.#readHead(opened));
  }

  async #readHead({ writer, tandem }: Opened): Promise<Head> {
    if (this.#head) return this.#head;
    await tandem.drop();
    this.#head = await readHead(writer);
    return this.#head;
  }

  /** Everything but units: no transaction is open when it begins. */
  #inTurn<T>(what: string, work: (opened: Opened) => Promise<T>): Promise<T> {
    return this.#turnOf(what, async (opened) => {
      await opened.tandem.drop();
      return opened.reader.without(() => work(opened));
    });
  }

  #turnOf<T>(what: string, work: (opened: Opened) => Promise<T>): Promise<T> {
    const done = this.#turn.then(() => this.#classified(what, () => work(this.#now())));
    this.#turn = done.catch(() => {});
    return done;
  }

  async #classified<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#reported(classify(error, what));
    }
  }

  async #probe(dataset: Dataset, lines: Buffer): Promise<void> {
    const { prober, widths } = this.#now();
    const events = lines.subarray(0, lines.length - 1);
    const columns = SQL.convertedColumns(dataset, widths.wide(dataset.name));
    if (columns.length === 0) return;
    const failure = await failureOf(prober.run(SQL.probeStatement(columns), [events]), CONVERTING);
    if (failure === null) return;
    // Only one line has one path; of many, isolation will ask again.
    if (!events.includes(0x0a)) {
      for (const column of columns) {
        const own = await failureOf(prober.run(SQL.probeStatement([column]), [events]), CONVERTING);
        if (own?.code === 'bad-row') throw badRow(column, `cannot be kept as ${column.type}`);
      }
    }
    throw this.#reported(failure);
  }

  /** A database that invalidated itself stays so in this process. */
  #reported(error: AzudError): AzudError {
    if (isAzudError(this.#marked(error), 'store-damaged')) this.#onFatal(error);
    return error;
  }

  /** A damaged block is seen by no opening, so the next start is told of it. */
  #marked(error: AzudError): AzudError {
    const damaged = isAzudError(error, 'store-damaged') && /checksum|corrupt/i.test(error.message);
    if (damaged) markDamaged(this.#files, error.message);
    return error;
  }
}
