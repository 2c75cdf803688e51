import type { Column, ColumnType } from '../../event/dataset.ts';
import type { Value } from '../driver.ts';

/** What one SQL engine says differently. Everything else is in compiler.ts. */
export interface Dialect {
  /** SQL type of a column in DDL. */
  type(column: SqlColumn): string;
  /** The n-th bound parameter (from 1) as a value of the column's type: `$1::BIGINT`. */
  parameter(index: number, type: ColumnType): string;
  /**
   * A value as it stands in the text itself, for an engine that plans a statement with parameters twice; null: it is bound.
   * Only for what needs no escaping: see `isPlain`.
   */
  literal?(value: Value, type: ColumnType): string | null;
  /** How a column is read, so that its value arrives exact: often just `name`. */
  read(name: string, type: ColumnType): string;
  /** How a column stands where it is compared with a value, where that is not just `name`. */
  compared?(name: string, type: ColumnType): string;
  /** Clause after LIKE that makes `\` an ordinary character; may be empty. */
  readonly likeEscape: string;
}

export type SqlColumn = Pick<Column, 'name' | 'type'> & { readonly integerBits?: 64 | 128 };

/** Letters, digits and what times and ids have between them: nothing that ends a literal or means anything in one. */
export function isPlain(text: string): boolean {
  return /^[\w:.+-]*$/.test(text);
}

/** Standard SQL: any name is safe between double quotes once those inside are doubled. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
