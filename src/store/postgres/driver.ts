import type { PoolClient } from 'pg';
import type { Position, Progress } from '../../broker/driver.ts';
import { AzudError } from '../../error/azud-error.ts';
import type { Dataset } from '../../event/dataset.ts';
import { SYSTEM_COLUMNS } from '../../event/dataset.ts';
import type { Counts } from '../../event/outcome.ts';
import { AD_HOC_LIMITS } from '../../limits.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
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
import { linesOf } from '../settle.ts';
import { quote } from '../sql/dialect.ts';
import { receiptsKeptMs, sweepHorizon } from '../sweep.ts';
import { SYSTEM_TABLES } from '../tables.ts';
import { badRow } from '../value.ts';
import { checkAdHoc, classifyAdHoc } from './ad-hoc.ts';
import { addressOf, readerAddress } from './address.ts';
import { POSTGRES_CAPABILITIES } from './capabilities.ts';
import { placementsOf, placeTables, requireCitus } from './citus.ts';
import { citusOf, POSTGRES_DEFAULTS, type PostgresStoreConfig } from './config.ts';
import { Connections } from './connections.ts';
import { classify, columnAt } from './errors.ts';
import { addPartitions, dropPartitions, type Month, monthOf } from './partitions.ts';
import { Queries } from './queries.ts';
import { grantReading, openSchema, requireRights } from './schema.ts';
import * as SQL from './statements.ts';
import { fitTables, LOCK_TABLES, refuseNames } from './tables.ts';
import { columnsOf, UnitWriter } from './unit-writer.ts';

export interface PostgresContext {
  readonly metrics?: Metrics | undefined;
}

/** What is there only while the store is open. */
interface Opened {
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly units: UnitWriter;
  /** A second writer of lines, for probes: the first may be in the middle of a unit. */
  readonly prober: UnitWriter;
  readonly queries: Queries;
  readonly write: Connections;
  readonly upkeep: Connections;
  readonly read: Connections;
  /** Null without a reader: the user that writes may do too much. */
  readonly adHoc: Connections | null;
}

/** One writes a unit, one probes lines, one answers the sums. */
const WRITERS_MAX = 3;
const DAY_MS = 24 * 3600 * 1000;
/** Batch ids of brokers without positions: longer than any of them redelivers. */
const BATCH_IDS_KEPT_MS = 14 * DAY_MS;

export class PostgresStoreDriver implements StoreDriver {
  readonly capabilities = POSTGRES_CAPABILITIES;
  readonly #config: PostgresStoreConfig;
  readonly #metrics: Metrics | undefined;
  #opened: Opened | null = null;
  /** By dataset: months that have a partition, as far as this process knows. */
  readonly #months = new Map<string, Set<Month>>();
  /** Units, one after the other; probes and sweeps likewise. */
  #turn: Promise<unknown> = Promise.resolve();
  #probes: Promise<unknown> = Promise.resolve();

  constructor(config: PostgresStoreConfig, { metrics }: PostgresContext = {}) {
    this.#config = config;
    this.#metrics = metrics;
  }

  async open(datasets: readonly Dataset[], { allowDestructive, onStep }: OpenOptions): Promise<void> {
    refuseNames(datasets);
    const citus = citusOf(this.#config);
    const placements = citus && placementsOf(datasets, citus);
    const opened = this.#assemble(datasets);
    const { upkeep, read } = opened;
    onStep(`connecting to ${upkeep.place}`);
    try {
      await upkeep.use((client) => openSchema(client, { ...POSTGRES_DEFAULTS, ...this.#config }));
      onStep('making the tables fit');
      await upkeep.transaction(async (client) => {
        if (placements) await requireCitus(client);
        await fitTables(client, datasets, allowDestructive);
        await requireRights(client, datasets);
        if (placements) await placeTables(client, placements);
        await grantReading(client, datasets, { ...POSTGRES_DEFAULTS, ...this.#config });
      });
      // The reader's own credentials are tried now, not at the first query.
      await read.use((client) => client.query('SELECT 1'));
      this.#opened = opened;
    } catch (error) {
      await closeAll(opened);
      throw classify(error, upkeep.place);
    }
  }

  progress(): Promise<Progress> {
    return this.#reading('the progress cannot be read', async (client) => {
      const { rows } = await client.query<PositionRow>(SQL.PROGRESS);
      return rows.map(positionOf);
    });
  }

  write(unit: WriteUnit): Promise<readonly (Counts | null)[]> {
    const done = this.#turn.then(() => this.#write(unit));
    this.#turn = done.catch(() => {});
    return done;
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
    const { adHoc } = this.#now();
    if (!adHoc) {
      throw new AzudError('sql-not-supported', 'ad-hoc SQL needs a user with the right to read only', {
        hint: 'Set store.reader to such a user.',
      });
    }
    checkAdHoc(query.text);
    return { ...(await new Queries(adHoc, classifyAdHoc).sql(query, limits)), asOf: null };
  }

  ledger(): Promise<Ledger> {
    return this.#reading('the sums cannot be read', async (client) => {
      const { rows } = await client.query<LedgerRow>(SQL.LEDGER);
      return {
        progress: rows.flatMap(({ stream, position, term }) =>
          stream === null ? [] : [positionOf({ stream, position, term })],
        ),
        counts: new Map(rows.flatMap((row) => (row.accepted === null ? [] : [[row.dataset ?? '', countsOf(row)]]))),
        carried: new Map(
          rows.flatMap((row) => (row.carried === null ? [] : [[row.dataset ?? '', Number(row.carried)]])),
        ),
      };
    });
  }

  async join(progress: Progress, carried: Ledger['carried']): Promise<void> {
    const { write } = this.#now();
    try {
      await write.transaction(async (client) => {
        for (const sql of SQL.JOIN) await client.query(sql);
        await client.query(SQL.JOIN_STREAMS, columnsOf(progress));
        await client.query(SQL.CARRY, [[...carried.keys()], [...carried.values()]]);
      });
    } catch (error) {
      throw classify(error, 'the store cannot be joined to the log');
    }
  }

  async describe(dataset: string): Promise<TableFacts> {
    const describe = async (client: PoolClient) => {
      const text = SQL.factsOf(dataset);
      const { rows } = await client.query<FactsRow>(text, [quote(dataset)]);
      const [facts] = rows;
      return {
        rows: Number(facts?.rows ?? 0),
        first: facts?.first?.toISOString() ?? null,
        last: facts?.last?.toISOString() ?? null,
        bytes: Number(facts?.bytes ?? 0),
      };
    };
    try {
      return await this.#now().read.use(describe);
    } catch (error) {
      throw classify(error, `${dataset} cannot be described`);
    }
  }

  async sweep(now: number): Promise<void> {
    const { upkeep, datasets } = this.#now();
    try {
      await upkeep.use(async (client) => {
        const { rows } = await client.query<{ ms: string }>(SQL.LAST_RECEIVED);
        const horizon = sweepHorizon(now, Number(rows[0]?.ms ?? 0));
        for (const dataset of datasets.values()) await sweepDataset(client, dataset, horizon);
        await client.query('DELETE FROM "_batches" WHERE received_ms < $1', [horizon - BATCH_IDS_KEPT_MS]);
      });
    } catch (error) {
      throw classify(error, 'the sweep failed');
    }
  }

  keep(name: string, value: Buffer): Promise<Buffer> {
    return this.#reading(`${name} cannot be kept`, async (client) => {
      await client.query(SQL.KEEP, [name, value]);
      const { rows } = await client.query<{ value: Buffer }>(SQL.KEPT, [name]);
      return rows[0]?.value ?? value;
    });
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#probes;
    const opened = this.#opened;
    this.#opened = null;
    if (opened) await closeAll(opened);
  }

  #assemble(datasets: readonly Dataset[]): Opened {
    const { schema, pool_size: max } = { ...POSTGRES_DEFAULTS, ...this.#config };
    const address = addressOf(this.#config);
    const metrics = this.#metrics;
    const byName = new Map(datasets.map((dataset) => [dataset.name, dataset]));
    const reader = readerAddress(address, this.#config);
    const read = new Connections({ address: reader, schema, pool: 'read', max, metrics });
    const adHoc = { address: reader, schema, pool: 'ad_hoc', max: AD_HOC_LIMITS.concurrentMax, metrics } as const;
    return {
      datasets: byName,
      units: new UnitWriter(byName),
      prober: new UnitWriter(byName),
      queries: new Queries(read),
      write: new Connections({ address, schema, pool: 'write', max: WRITERS_MAX, metrics }),
      upkeep: new Connections({ address, schema, pool: 'upkeep', max: 1, metrics }),
      read,
      adHoc: this.#config.reader ? new Connections(adHoc) : null,
    };
  }

  #now(): Opened {
    if (!this.#opened) throw new AzudError('unavailable', 'the database is not open');
    return this.#opened;
  }

  /** For what the loader itself must know: over the connections that write, which see their own commits. */
  async #reading<T>(what: string, work: (client: PoolClient) => Promise<T>): Promise<T> {
    try {
      return await this.#now().write.use(work);
    } catch (error) {
      throw classify(error, what);
    }
  }

  async #write(unit: WriteUnit): Promise<readonly (Counts | null)[]> {
    const { write, units } = this.#now();
    try {
      await this.#addMonths(unit);
      return await write.transaction((client) => units.write(client, unit));
    } catch (error) {
      const known = classify(error, 'the unit cannot be written');
      // A partition may have been dropped by another process since it was last seen.
      if (known.code !== 'bad-row') this.#months.clear();
      throw known;
    }
  }

  async #addMonths({ batches }: WriteUnit): Promise<void> {
    const { datasets, upkeep } = this.#now();
    const missing = new Map<string, Set<Month>>();
    for (const { batch } of batches) {
      if (datasets.get(batch.dataset)?.mode !== 'append') continue;
      const month = monthOf(batch.receivedAt);
      if (this.#months.get(batch.dataset)?.has(month)) continue;
      missing.set(batch.dataset, (missing.get(batch.dataset) ?? new Set()).add(month));
    }
    if (missing.size === 0) return;
    await upkeep.transaction(async (client) => {
      await client.query(LOCK_TABLES);
      for (const [dataset, months] of missing) await addPartitions(client, dataset, months);
    });
    for (const [dataset, months] of missing) {
      this.#months.set(dataset, new Set([...(this.#months.get(dataset) ?? []), ...months]));
    }
  }

  async #probe(dataset: Dataset, lines: Buffer): Promise<void> {
    const { write, prober } = this.#now();
    const count = linesOf(lines).length;
    try {
      await write.transaction((client) =>
        prober.probe(client, dataset, { batch: { ...PROBE, lines, count }, kept: null }),
      );
    } catch (error) {
      const known = classify(error, 'the lines cannot be converted');
      const name = known.code === 'bad-row' && known.path === undefined ? columnOf(known, dataset) : null;
      throw name === null ? known : badRow({ name }, `cannot be kept: ${causeOf(known)}`);
    }
  }
}

interface PositionRow {
  readonly stream: string;
  readonly position: string;
  readonly term: string | null;
}

function positionOf({ stream, position, term }: PositionRow): Position {
  return { stream, offset: Number(position), ...(term !== null && { term }) };
}

/** Of a stream, of a dataset's sums, or of what a dataset carries. */
interface LedgerRow extends Readonly<Record<keyof Counts, string | null>>, Omit<PositionRow, 'stream'> {
  readonly stream: string | null;
  readonly carried: string | null;
  readonly dataset: string | null;
}

interface FactsRow {
  readonly rows: string;
  readonly first: Date | null;
  readonly last: Date | null;
  readonly bytes: string;
}

/** Ids and time of a row that is only tried. */
const PROBE = {
  ids: null,
  transactionId: '00000000-0000-7000-8000-000000000000',
  receivedAt: 0,
  extras: true,
} as const;

const columnOf = (error: AzudError, { columns }: Dataset): string | null =>
  columnAt(
    error,
    columns.map(({ name }) => name),
  );

const causeOf = ({ cause, message }: AzudError): string => (cause instanceof Error ? cause.message : message);

function countsOf({ accepted, stored, duplicate, dead }: LedgerRow): Counts {
  return { accepted: Number(accepted), stored: Number(stored), duplicate: Number(duplicate), dead: Number(dead) };
}

async function sweepDataset(client: PoolClient, dataset: Dataset, horizon: number): Promise<void> {
  const { name, mode, dedupeWindowMs, retentionMs } = dataset;
  await client.query('DELETE FROM "_ids" WHERE dataset = $1 AND received_ms < $2', [name, horizon - dedupeWindowMs]);
  if (retentionMs !== null) {
    const before = horizon - retentionMs;
    if (mode === 'append') await dropPartitions(client, name, before);
    await client.query(`DELETE FROM ${quote(name)} WHERE "_received_at" < ${SQL.BEFORE}`, [before]);
  }
  await client.query(SQL.SWEEP_TRANSACTIONS, [horizon - receiptsKeptMs(dataset), name]);
}

async function closeAll({ write, upkeep, read, adHoc }: Opened): Promise<void> {
  await Promise.all([write.close(), upkeep.close(), read.close(), adHoc?.close()]);
}
