import type { DuckDBPreparedStatement } from '@duckdb/node-api';
import type { AzudError } from '../../error/azud-error.ts';
import type { Column, Dataset } from '../../event/dataset.ts';
import { uuidTimeMs } from '../../event/ids.ts';
import type { Condition, ReadLimits, RowStream, RowsLimits, RowsQuery, SqlQuery, Value } from '../driver.ts';
import { allRows } from '../reading.ts';
import { type Bound, compileRows } from '../sql/compiler.ts';
import { SYSTEM_TABLES } from '../tables.ts';
import { isoOf } from '../value.ts';
import { DUCKDB_DIALECT } from './dialect.ts';
import { classifyQuery } from './errors.ts';
import { checkQuery } from './guard.ts';
import { looksBack, timeOf } from './newest-first.ts';
import { type Reader, SMALL_ROWS } from './reader.ts';
import { idsTable } from './statements.ts';

/** Queries already checked; endpoints are few and fixed. */
const CHECKED_MAX = 1_000;
/** How far intake's clock may go back between the making of a transaction's id and its batch's time, ms. */
const SLACK_MS = 60_000;

/** The parsed query as JSON. */
export const SERIALIZE = 'SELECT CAST(json_serialize_sql(CAST($1 AS VARCHAR)) AS VARCHAR)';

export interface QueriesOptions {
  readonly datasets: ReadonlyMap<string, Dataset>;
  /** Nothing that is stored was received later, epoch ms. */
  readonly newestMs: () => number;
  /** Told of every error of the engine; answers it. */
  readonly report: (error: AzudError) => AzudError;
}

/** The two ways of reading: the portable query and one SELECT. */
export class Queries {
  readonly #reader: Reader;
  readonly #datasets: ReadonlyMap<string, Dataset>;
  readonly #tables: ReadonlySet<string>;
  readonly #checked = new Set<string>();
  readonly #newestMs: QueriesOptions['newestMs'];
  readonly #report: QueriesOptions['report'];

  constructor(reader: Reader, { datasets, newestMs, report }: QueriesOptions) {
    this.#newestMs = newestMs;
    this.#report = report;
    this.#reader = reader;
    this.#datasets = datasets;
    this.#tables = new Set([...datasets.keys(), ...SYSTEM_TABLES.map(({ name }) => name)]);
  }

  async rows(query: RowsQuery, columns: readonly Column[], limits: RowsLimits): Promise<RowStream> {
    const id = this.#singleEventId(query);
    if (id === null) return this.#page(withTransactionTime(query), columns, limits);
    for (const time of await this.#timesOf(query.table, id)) {
      const found = await this.#firstRow(receivedAt(query, time), columns, limits);
      if (found) return found;
    }
    return this.#select(query, columns, limits);
  }

  async sql({ text, params }: SqlQuery, limits: ReadLimits): Promise<RowStream> {
    if (!this.#checked.has(text)) {
      const [row] = await this.#reader.all(SERIALIZE, [text]);
      checkQuery(String(row?.[0]), this.#tables);
      if (this.#checked.size >= CHECKED_MAX) this.#checked.clear();
      this.#checked.add(text);
    }
    return this.#reader.read(
      {
        text,
        bind: binderOf(params),
        columns: null,
        small: false,
        classify: (error) => this.#report(classifyQuery(error, 'the query')),
      },
      limits,
    );
  }

  /** What was received last is looked for from the end on, each time further back. */
  async #page(query: RowsQuery, columns: readonly Column[], limits: RowsLimits): Promise<RowStream> {
    const time = this.#isOfOneKey(query) ? null : timeOf(query);
    if (time === null) return this.#select(query, columns, limits);
    const limit = Math.min(query.limit, limits.rowsMax);
    for (const ms of looksBack(query, time, this.#newestMs())) {
      const since: Condition = { column: time, operator: 'gte', value: isoMs(ms) };
      const bounded = { ...query, where: [...query.where, since] };
      if (limit <= SMALL_ROWS) {
        const stream = await this.#select(bounded, columns, limits);
        const rows = await allRows(stream);
        if (rows.length >= limit) return { columns: stream.columns, chunks: once(rows) };
      } else if (await this.#hasAll(onlyTime(bounded, time), columns, limits)) {
        return this.#select(bounded, columns, limits);
      }
    }
    return this.#select(query, columns, limits);
  }

  /** One row at most: it is as far back as it is. */
  #isOfOneKey({ table, where }: RowsQuery): boolean {
    const key = this.#datasets.get(table)?.key ?? null;
    return key !== null && where.some(({ column, operator }) => column === key && operator === 'eq');
  }

  /** Are there as many rows as are asked for? */
  async #hasAll(query: RowsQuery, columns: readonly Column[], limits: RowsLimits): Promise<boolean> {
    const rows = await allRows(await this.#select(query, columns, limits));
    return rows.length >= Math.min(query.limit, limits.rowsMax);
  }

  #select(query: RowsQuery, columns: readonly Column[], limits: RowsLimits): Promise<RowStream> {
    const limit = Math.min(query.limit, limits.rowsMax);
    const { text, values } = compileRows({ ...query, limit }, columns, DUCKDB_DIALECT);
    const classify = (error: unknown) => this.#report(classifyQuery(error, 'the rows cannot be read'));
    return this.#reader.read(
      { text, bind: byPlace(values), columns: query.select, small: limit <= SMALL_ROWS, classify },
      limits,
    );
  }

  /** A read of one row by its event id, the only read that may stop at the first it finds. */
  #singleEventId({ table, where, limit, after }: RowsQuery): string | null {
    if (limit !== 1 || after !== null || !this.#datasets.has(table)) return null;
    const condition = where.find(({ column, operator }) => column === '_event_id' && operator === 'eq');
    return typeof condition?.value === 'string' ? condition.value : null;
  }

  /**
   * Where in time a row may lie, so that the engine skips every block but a few: by the id's own time, which is the
   * transaction's, and by the time remembered with a client's id. A row may still lie elsewhere.
   */
  async #timesOf(table: string, id: string): Promise<number[]> {
    const own = uuidTimeMs(id);
    if (own !== null) return [own];
    const rows = await this.#reader.all(
      `SELECT received_ms FROM ${idsTable(table)} WHERE low = md5_number_lower($1) AND high = md5_number_upper($1)`,
      [id],
    );
    return rows.map(([ms]) => Number(ms));
  }

  async #firstRow(query: RowsQuery, columns: readonly Column[], limits: RowsLimits): Promise<RowStream | null> {
    const stream = await this.#select(query, columns, limits);
    for await (const rows of stream.chunks) return { columns: stream.columns, chunks: once(rows) };
    return null;
  }
}

/** Binds parameters by their places; null when there are none. */
function byPlace(values: readonly Bound[]): ((statement: DuckDBPreparedStatement) => void) | null {
  if (values.length === 0) return null;
  return (statement) => {
    for (const [at, bound] of values.entries()) bindAt(statement, at + 1, bound);
  };
}

/** Binds parameters by their names. */
export function binderOf(params: SqlQuery['params']): (statement: DuckDBPreparedStatement) => void {
  return (statement) => {
    for (const [name, bound] of Object.entries(params)) bindAt(statement, statement.parameterIndex(name), bound);
  };
}

async function* once<T>(value: T) {
  yield value;
}

/** A transaction's rows are never older than its id; a replay makes them younger. */
function withTransactionTime(query: RowsQuery): RowsQuery {
  const system = query.table === '_transactions';
  const [id, time] = system ? ['transaction_id', 'received_at'] : ['_transaction_id', '_received_at'];
  const value = query.where.find(({ column, operator }) => column === id && operator === 'eq')?.value;
  const ms = typeof value === 'string' ? uuidTimeMs(value) : null;
  if (ms === null || query.table === '_dead_letters') return query;
  return { ...query, where: [...query.where, { column: time, operator: 'gte', value: isoMs(ms - SLACK_MS) }] };
}

/** Columns of one value order nothing, and without an order the engine reads the rest of a row only where it must: 3 ms → 1 ms. */
function receivedAt(query: RowsQuery, ms: number): RowsQuery {
  const where: Condition[] = [...query.where, { column: '_received_at', operator: 'eq', value: isoMs(ms) }];
  const pinned = new Set(where.filter(({ operator }) => operator === 'eq').map(({ column }) => column));
  return { ...query, where, order: query.order.filter(({ column }) => !pinned.has(column)) };
}

/** Rows may be large; their times are not. */
function onlyTime(query: RowsQuery, time: string): RowsQuery {
  return { ...query, select: [{ name: time, type: 'timestamp' }] };
}

const isoMs = (ms: number): string => isoOf(BigInt(ms) * 1000n);

function bindAt(statement: DuckDBPreparedStatement, index: number, { value, type }: Bound): void {
  if (value === null) statement.bindNull(index);
  else if (typeof value === 'boolean') statement.bindBoolean(index, value);
  else if (type === 'number') statement.bindDouble(index, Number(value));
  else if (type === 'integer') bindInteger(statement, index, value);
  else statement.bindVarchar(index, String(value));
}

function bindInteger(statement: DuckDBPreparedStatement, index: number, value: NonNullable<Value>): void {
  const integer = BigInt(value);
  if (integer >= -(2n ** 63n) && integer < 2n ** 63n) statement.bindBigInt(index, integer);
  else statement.bindHugeInt(index, integer);
}
