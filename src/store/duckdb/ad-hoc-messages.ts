import type { ErrorCode } from '../../error/catalogue.ts';
import type { RowStream, SqlQuery } from '../driver.ts';

/** What the process of a query is told, as one line of JSON. */
export interface AdHocTask {
  readonly query: SqlQuery;
  /** The copy to read. */
  readonly file: string;
  /** Names of the tables that may be read. */
  readonly tables: readonly string[];
  readonly memoryBytes: number;
  readonly tempFolder: string;
}

/** What it answers, a line each: the columns, then rows, then the end; or why not. */
export type AdHocMessage =
  | { readonly columns: RowStream['columns'] }
  /** Integers that a double cannot hold are text. */
  | { readonly rows: readonly (readonly (string | number | boolean | null)[])[] }
  | { readonly failed: { readonly code: ErrorCode; readonly message: string } }
  | { readonly end: true };
