import { createHash } from 'node:crypto';
import type { Column, Dataset } from '../../event/dataset.ts';
import { SYSTEM_COLUMNS } from '../../event/dataset.ts';
import { type Dialect, quote, type SqlColumn } from '../sql/dialect.ts';

/** Text is ordered by its bytes, as in every other store: an order by language differs from machine to machine. */
const TEXT = 'text COLLATE "C"';

const TYPES = {
  string: TEXT,
  integer: 'numeric(39,0)',
  number: 'double precision',
  decimal: 'numeric(38,18)',
  boolean: 'boolean',
  timestamp: 'timestamptz',
  date: 'date',
  uuid: 'uuid',
  json: 'json',
} as const satisfies Record<Column['type'], string>;

export const POSTGRES_DIALECT: Dialect = {
  type: ({ type, integerBits }) => (type === 'integer' && integerBits === 64 ? 'bigint' : TYPES[type]),
  // Integers take the type of what they stand beside: a column of either width, or LIMIT.
  parameter: (index, type) =>
    type === 'string' || type === 'json' || type === 'integer' ? `$${index}` : `CAST($${index} AS ${TYPES[type]})`,
  read: (name) => name,
  // JSON has no equality of its own; its exact text has.
  compared: (name, type) => (type === 'json' ? `CAST(${name} AS text)` : name),
  likeEscape: " ESCAPE ''",
};

/** The event's own columns with the width that holds every integer its schema allows, then Azud's. */
export function tableColumns(dataset: Dataset): SqlColumn[] {
  return [...dataset.columns.map((column) => sqlColumn(dataset, column)), ...SYSTEM_COLUMNS];
}

/** bigint only where the schema's own bounds promise it: smaller and faster than numeric, and never too small. */
export function sqlColumn({ schema }: Dataset, { name, type }: Column): SqlColumn {
  const property = (schema.properties as Readonly<Record<string, unknown>> | undefined)?.[name];
  const { minimum, maximum } = (property ?? {}) as { minimum?: unknown; maximum?: unknown };
  const bounded = Number.isSafeInteger(minimum) && Number.isSafeInteger(maximum);
  return { name, type, integerBits: bounded ? 64 : 128 };
}

/** PostgreSQL cuts longer names without a word. */
export const NAME_BYTES_MAX = 63;

/** A name of Azud's own, made of a dataset's; it begins with `_`, as no dataset does. */
export function derivedName(prefix: string, dataset: string): string {
  const name = `_${prefix}_${dataset}`;
  if (name.length <= NAME_BYTES_MAX) return name;
  return `_${prefix}_${createHash('sha256').update(dataset).digest('hex').slice(0, 32)}`;
}

export const nameList = (columns: readonly { readonly name: string }[]): string =>
  columns.map(({ name }) => quote(name)).join(', ');
