/** The domain's nouns. No I/O here. */

/** What a column holds. `json` keeps the exact text of an object, an array or a value of no declared type. */
export type ColumnType =
  | 'string'
  | 'integer'
  | 'number'
  | 'decimal'
  | 'boolean'
  | 'timestamp'
  | 'date'
  | 'uuid'
  | 'json';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** True when the schema requires the property and does not allow null. */
  readonly required: boolean;
}

export type JsonSchema = Readonly<Record<string, unknown>>;

/** `append` keeps every event; `upsert` keeps, for each key, the event received last. */
export type DatasetMode = 'append' | 'upsert';

/** A named schema and the table behind it. */
export interface Dataset {
  /** Matches `^[a-z][a-z0-9_]{0,62}$`. */
  readonly name: string;
  readonly mode: DatasetMode;
  /** JSON Schema 2020-12, references resolved. */
  readonly schema: JsonSchema;
  /** From the schema's properties, in their order; system columns are not in it. */
  readonly columns: readonly Column[];
  /** Name of the top-level property that identifies an event, from a pointer like `/flight_id`. */
  readonly eventId: string | null;
  /** Upsert mode: the top-level property that is the key. */
  readonly key: string | null;
  /** The event's own time: a top-level property. */
  readonly time: string | null;
  /** Rows received longer ago are removed. */
  readonly retentionMs: number | null;
  /** A client id is remembered this long. */
  readonly dedupeWindowMs: number;
}

/** Columns that every stored table carries, after the dataset's own. `_extra` holds properties the schema does not name. */
export const SYSTEM_COLUMNS: readonly Column[] = Object.freeze([
  { name: '_event_id', type: 'string', required: true },
  { name: '_transaction_id', type: 'uuid', required: true },
  { name: '_received_at', type: 'timestamp', required: true },
  { name: '_extra', type: 'json', required: false },
] as const);

export const DATASET_NAME = /^[a-z][a-z0-9_]{0,62}$/;
