import type { Column, Dataset } from '../../event/dataset.ts';
import { SYSTEM_COLUMNS } from '../../event/dataset.ts';
import { type Dialect, quote, type SqlColumn } from '../sql/dialect.ts';

const TYPES = {
  string: 'VARCHAR',
  integer: 'HUGEINT',
  number: 'DOUBLE',
  decimal: 'DECIMAL(38,18)',
  boolean: 'BOOLEAN',
  timestamp: 'TIMESTAMPTZ',
  date: 'DATE',
  uuid: 'UUID',
  json: 'JSON',
} as const satisfies Record<Column['type'], string>;

export const DUCKDB_DIALECT: Dialect = {
  type: ({ type, integerBits }) => (type === 'integer' && integerBits === 64 ? 'BIGINT' : TYPES[type]),
  parameter: (index, type) => (type === 'string' ? `$${index}` : `CAST($${index} AS ${TYPES[type]})`),
  read: (name) => name,
  likeEscape: '',
};

/** The event's own columns with the width that holds every integer its schema allows, then Azud's. */
export function tableColumns(dataset: Dataset): SqlColumn[] {
  return [...dataset.columns.map((column) => sqlColumn(dataset, column)), ...SYSTEM_COLUMNS];
}

/** BIGINT only where the schema's own bounds promise it: half the size of HUGEINT, and never too small. */
export function sqlColumn({ schema }: Dataset, { name, type }: Column): SqlColumn {
  const property = (schema.properties as Readonly<Record<string, unknown>> | undefined)?.[name];
  const { minimum, maximum } = (property ?? {}) as { minimum?: unknown; maximum?: unknown };
  const bounded = Number.isSafeInteger(minimum) && Number.isSafeInteger(maximum);
  return { name, type, integerBits: bounded ? 64 : 128 };
}

/** 20 digits before the point and 18 after it: what DECIMAL(38,18) keeps without rounding. */
const DECIMAL = '-?0*[0-9]{1,20}(\\.[0-9]{1,18})?';

/**
 * The value of a column from `event`, a structure of texts. Text and cast, because a typed structure turns what it
 * cannot convert into null without a word; measured, it is as fast.
 */
export function columnValue(event: string, column: SqlColumn): string {
  const text = `${event}.${quote(column.name)}`;
  if (column.type === 'string') return text;
  if (column.type === 'timestamp') {
    // RFC 3339 allows `t` and `z`; DuckDB does not.
    return `coalesce(TRY_CAST(${text} AS TIMESTAMPTZ), CAST(upper(${text}) AS TIMESTAMPTZ))`;
  }
  const cast = `CAST(${text} AS ${DUCKDB_DIALECT.type(column)})`;
  if (column.type !== 'decimal') return cast;
  return `CASE WHEN ${text} IS NULL OR regexp_full_match(${text}, '${DECIMAL}') THEN ${cast} ELSE error('decimal') END`;
}
