import type { Column, ColumnType } from '../../event/dataset.ts';

/** What one SQL engine says differently. Everything else is in compiler.ts. */
export interface Dialect {
  /** SQL type of a column in DDL. */
  type(column: SqlColumn): string;
  /** The n-th bound parameter (from 1) as a value of the column's type: `$1::BIGINT`. */
  parameter(index: number, type: ColumnType): string;
  /** How a column is read, so that its value arrives exact: often just `name`. */
  read(name: string, type: ColumnType): string;
  /** How a column stands where it is compared with a value, where that is not just `name`. */
  compared?(name: string, type: ColumnType): string;
  /** Clause after LIKE that makes `\` an ordinary character; may be empty. */
  readonly likeEscape: string;
}

export type SqlColumn = Pick<Column, 'name' | 'type'> & { readonly integerBits?: 64 | 128 };

/** Standard SQL: any name is safe between double quotes once those inside are doubled. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
