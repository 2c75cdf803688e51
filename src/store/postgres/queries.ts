import { AzudError } from '../../error/azud-error.ts';
import type { Column, ColumnType } from '../../event/dataset.ts';
import type { ReadLimits, RowStream, RowsLimits, RowsQuery, SqlQuery, Value } from '../driver.ts';
import { compileRows } from '../sql/compiler.ts';
import type { Connections } from './connections.ts';
import { POSTGRES_DIALECT } from './dialect.ts';
import { classify as classifyOwn, classifyQuery, sqlState } from './errors.ts';
import { readRows } from './reader.ts';

const INT8_MAX = 2n ** 63n - 1n;
/** No operator between the types: `uuid = text`. */
const NO_OPERATOR = '42883';

/** No right to the table, no such table, no such column: the query is ours, and names what Azud made. */
const NOT_THE_CALLERS = /^42(501|P01|703)$/;

/** The two ways of reading: the portable query and one SELECT. */
export class Queries {
  readonly #connections: Connections;
  readonly #classifySql: (error: unknown, what: string) => AzudError;

  /** `classifySql`: our error for one of the server's about a query of somebody's own words. */
  constructor(connections: Connections, classifySql: (error: unknown, what: string) => AzudError = classifyQuery) {
    this.#connections = connections;
    this.#classifySql = classifySql;
  }

  rows(query: RowsQuery, columns: readonly Column[], limits: RowsLimits): Promise<RowStream> {
    const limit = Math.min(query.limit, limits.rowsMax);
    for (const { column, value } of query.where) refuseNul(column, value);
    const { text, values } = compileRows({ ...query, limit }, columns, POSTGRES_DIALECT);
    const classify = (error: unknown) =>
      (NOT_THE_CALLERS.test(sqlState(error)) ? classifyOwn : classifyQuery)(error, 'the rows cannot be read');
    const parameters = values.map(({ value }) => parameterOf(value));
    return readRows(this.#connections, { text, values: parameters, columns: query.select, classify }, limits);
  }

  /** Texts are bound as text; where a column of another type wants them, they take its type. */
  async sql(query: SqlQuery, limits: ReadLimits): Promise<RowStream> {
    try {
      return await this.#sql(query, CAST, limits);
    } catch (error) {
      const { cause } = error as { cause?: unknown };
      if (sqlState(cause) !== NO_OPERATOR || !hasText(query)) throw error;
      return this.#sql(query, { ...CAST, string: () => '' }, limits);
    }
  }

  #sql(query: SqlQuery, casts: Casts, limits: ReadLimits): Promise<RowStream> {
    const { text, values } = numbered(query, casts);
    const classify = (error: unknown) => this.#classifySql(error, 'the query');
    return readRows(this.#connections, { text, values, columns: null, classify }, limits);
  }
}

const hasText = ({ params }: SqlQuery): boolean => Object.values(params).some(({ type }) => type === 'string');

type Casts = Readonly<Record<ColumnType, (value: Value) => string>>;

/** What each parameter is to PostgreSQL. LIMIT takes nothing wider than 64 bits. */
const CAST: Casts = {
  string: () => '::text',
  integer: (value) => (typeof value === 'bigint' && (value > INT8_MAX || value < -INT8_MAX) ? '::numeric' : '::bigint'),
  number: () => '::double precision',
  decimal: () => '::numeric',
  boolean: () => '::boolean',
  timestamp: () => '::timestamptz',
  date: () => '::date',
  uuid: () => '::uuid',
  json: () => '::json',
};

/**
 * Tokens in which nothing is a placeholder (comments, strings with and without escapes, quoted names, dollar-quoted
 * strings), then `$name`.
 */
export const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\b[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|\$([A-Za-z_]\w*)?\$[\s\S]*?(?:\$\1\$|$)|\$(\w+)/g;

/** `$name` as `$1::type`, the same number wherever the name stands. @throws AzudError `sql-failed` for an unknown name, `invalid-parameter` */
export function numbered({ text, params }: SqlQuery, casts: Casts = CAST): { text: string; values: Bound[] } {
  const numbers = new Map<string, number>();
  const values: Bound[] = [];
  const replaced = text.replace(TOKEN, (token: string, _tag: unknown, name: string | undefined) => {
    if (name === undefined) return token;
    const bound = Object.hasOwn(params, name) ? params[name] : undefined;
    if (!bound) throw new AzudError('sql-failed', `there is no parameter $${name}`);
    refuseNul(name, bound.value);
    if (!numbers.has(name)) numbers.set(name, values.push(parameterOf(bound.value)));
    return `$${numbers.get(name)}${casts[bound.type](bound.value)}`;
  });
  return { text: replaced, values };
}

type Bound = string | number | boolean | null;

/** The server would refuse it without saying where. @throws AzudError `invalid-parameter` */
function refuseNul(name: string, value: Value | readonly Value[]): void {
  if (![value].flat().some((one) => typeof one === 'string' && one.includes('\0'))) return;
  const path = { path: name };
  throw new AzudError('invalid-parameter', `"${name}" holds U+0000, which no text in PostgreSQL can hold`, path);
}

/** All parameters travel as text. */
function parameterOf(value: Value | readonly Value[]): Bound {
  if (typeof value === 'bigint') return String(value);
  return value as Bound;
}
