import type { Dataset } from '../../event/dataset.ts';
import { quote, type SqlColumn } from '../sql/dialect.ts';
import { columnValue, tableColumns } from './dialect.ts';
import { plainNumber, readAgain } from './plain-numbers.ts';

/**
 * How a unit's lines reach a table: as parallel texts that the engine splits, in blobs of UTF-8. The events are NDJSON
 * parsed by `from_json`, off the main thread.
 *
 *   $1 events · $2 event ids · $3 `_extra` ('' for none): one line a row, the batches apart by RS
 *   $4 transaction ids · $5 received, ms: one line a batch
 *   $6… like $1, the exact text of each json column ('' for null), which `from_json` would re-spell
 *
 * RS is a control character: JSON has it only escaped, and ids have none. A text that says nothing may be empty.
 */
export interface RowStatements {
  /** Columns of type json, in the order of their parameters. */
  readonly texts: readonly string[];
  /** Names of our own begin with `_`, as no property does. Runs in the unit's transaction. The first takes the parameters. */
  readonly insert: readonly string[];
  /** Columns of type number. */
  readonly numbers: readonly string[];
  /** The first of `insert`, faster where most lines have plain numbers in all of `numbers`: see plain-numbers.ts. */
  readonly plain: string;
}

/** Between the batches of a text. */
export const RS = 0x1e;

const split = (index: number, name: string) => `unnest(string_split($${index}, chr(10))) AS ${name}`;
const splitBlob = (index: number, by: number, name: string) =>
  `unnest(string_split(decode($${index}), chr(${by}))) AS ${name}`;
const splitBatch = (name: string) => `unnest(string_split(${name}s, chr(10))) AS ${name}`;

export function rowStatements(dataset: Dataset, wide: ReadonlySet<string>): RowStatements {
  const columns = tableColumns(dataset, wide);
  const texts = textColumns(dataset);
  const numbers = columns.filter(({ type }) => type === 'number');
  const select = (doubles: readonly SqlColumn[]) => selectRows(dataset, columns, doubles);
  const shared = { texts, numbers: numbers.map(({ name }) => name) };
  const table = quote(dataset.name);
  const names = columns.map(({ name }) => quote(name)).join(', ');
  if (dataset.mode === 'append' || dataset.key === null) {
    const insert = (rows: string) => `INSERT INTO ${table} (${names}) ${rows}`;
    return { ...shared, insert: [insert(select([]))], plain: insert(select(numbers)) };
  }
  const key = quote(dataset.key);
  const stage = quote(`_stage_${dataset.name}`);
  // The latest of each key; level in time, the later in the log.
  const latest = (rows: string) => `CREATE OR REPLACE TEMP TABLE ${stage} AS SELECT ${names} FROM (${rows})
    QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY "_received_at" DESC, _batch DESC, _place DESC) = 1`;
  return {
    ...shared,
    plain: latest(select(numbers)),
    insert: [
      latest(select([])),
      `DELETE FROM ${table} USING ${stage} AS s WHERE ${table}.${key} IS NOT DISTINCT FROM s.${key}
         AND ${table}."_received_at" <= s."_received_at"`,
      `INSERT INTO ${table} (${names}) SELECT ${names} FROM ${stage} AS s
         WHERE NOT EXISTS (SELECT 1 FROM ${table} AS t WHERE t.${key} IS NOT DISTINCT FROM s.${key})`,
    ],
  };
}

/** Removes all but the latest row of each key. */
export function keepLatest(table: string, key: string): string {
  return `DELETE FROM ${table} WHERE rowid NOT IN (
    SELECT arg_max(rowid, ("_received_at", rowid)) FROM ${table} GROUP BY ${key})`;
}

/** Converts lines as an insert would, and keeps nothing: fails where the insert fails. $1 events. */
export function probeStatement(columns: readonly SqlColumn[]): string {
  const values = columns.map((column) => `count(${columnValue('_event', column)})`);
  return `SELECT ${values.join(', ')} FROM (${parsedLines(columns)})`;
}

/** `_event`, a structure of texts for each of the lines in $1. */
function parsedLines(columns: readonly SqlColumn[]): string {
  return `SELECT from_json(_line, ${structure(columns)}) AS _event
    FROM (SELECT unnest(string_split(decode($1), chr(10))) AS _line)`;
}

/**
 * How many of the lines hold an integer that needs more than 64 bits, a count for each of these columns. $1 events. Fails for no
 * line: one that fits no integer counts nowhere.
 */
export function wideningStatement(columns: readonly SqlColumn[]): string {
  const counts = columns.map(({ name }) => {
    const text = `_event.${quote(name)}`;
    return `count(*) FILTER (TRY_CAST(${text} AS BIGINT) IS NULL AND TRY_CAST(${text} AS HUGEINT) IS NOT NULL)`;
  });
  return `SELECT ${counts.join(', ')} FROM (${parsedLines(columns)})`;
}

/** Converts the rows that are there. */
export const widen = (table: string, column: string) =>
  `ALTER TABLE ${quote(table)} ALTER COLUMN ${quote(column)} TYPE HUGEINT`;

/** Table and column. */
export const WIDE_COLUMNS = `SELECT table_name, column_name FROM duckdb_columns() WHERE data_type = 'HUGEINT'`;

/** Columns whose value is converted from the event by the engine. */
export function convertedColumns(dataset: Dataset, wide: ReadonlySet<string>): SqlColumn[] {
  return tableColumns(dataset, wide).filter(isConverted);
}

const isConverted = ({ name, type }: SqlColumn): boolean => !name.startsWith('_') && type !== 'json';

function textColumns(dataset: Dataset): string[] {
  return dataset.columns.filter(({ type }) => type === 'json').map(({ name }) => name);
}

/** @param doubles columns that are parsed as doubles; none: all are parsed as texts */
function selectRows(dataset: Dataset, columns: readonly SqlColumn[], doubles: readonly SqlColumn[]): string {
  const texts = textColumns(dataset);
  const value = (column: SqlColumn) => (doubles.includes(column) ? plainNumber(column) : rowValue(column, texts));
  const values = columns.map((column) => `${value(column)} AS ${quote(column.name)}`);
  const byRow = ['_line', '_id', '_more', ...texts.map((_, at) => `_text${at}`)];
  const byBatch = [
    splitBlob(4, 10, '_transaction_text'),
    splitBlob(5, 10, '_ms'),
    ...byRow.map((name, at) => splitBlob(at < 3 ? at + 1 : at + 3, RS, `${name}s`)),
  ];
  const lines = byRow.map(splitBatch);
  // The place of a row in the unit, where the later of two must be told.
  if (dataset.mode === 'upsert') {
    byBatch.push('unnest(range(len(string_split(decode($5), chr(10))))) AS _batch');
    lines.push('unnest(range(len(string_split(_lines, chr(10))))) AS _place', '_batch');
    values.push('_batch', '_place');
  }
  // A structure needs a member; a dataset may have no column for one.
  const converted = columns.filter(isConverted);
  const event = converted.length > 0 ? `from_json(_line, ${structure(converted, doubles)})` : 'NULL';
  const parsed = `SELECT ${event} AS _event, * FROM (
    SELECT ${lines.join(', ')}, _transaction, _received FROM (
      SELECT *, CAST(_transaction_text AS UUID) AS _transaction,
        make_timestamptz(CAST(_ms AS BIGINT) * 1000) AS _received
      FROM (SELECT ${byBatch.join(', ')})))`;
  const again =
    doubles.length > 0 ? `SELECT ${readAgain(doubles, structure(doubles))} AS _again, * FROM (${parsed})` : parsed;
  return `SELECT ${values.join(', ')} FROM (${again})`;
}

function rowValue(column: SqlColumn, texts: readonly string[]): string {
  if (column.name === '_event_id') return '_id';
  if (column.name === '_transaction_id') return '_transaction';
  if (column.name === '_received_at') return '_received';
  if (column.name === '_extra') return `CAST(nullif(_more, '') AS JSON)`;
  if (column.type === 'json') return `CAST(nullif(_text${texts.indexOf(column.name)}, '') AS JSON)`;
  return columnValue('_event', column);
}

/** The structure as a SQL string. Names come from the schema; JSON and then SQL quoting make any of them safe. */
function structure(columns: readonly SqlColumn[], doubles: readonly SqlColumn[] = []): string {
  const types = columns.map((column) => [column.name, doubles.includes(column) ? 'DOUBLE' : 'VARCHAR']);
  const shape = JSON.stringify(Object.fromEntries(types));
  return `'${shape.replaceAll("'", "''")}'`;
}

/**
 * Azud's own bookkeeping, beside the tables of tables.ts. `_head` has a row for each of the two writers that take turns
 * (tandem.ts): the row with the higher `turn` is the head. Of one row for both, the transaction that began before the last one
 * ended could not write it.
 */
export const HEAD_DDL: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS "_head" (format INTEGER, progress VARCHAR, counts VARCHAR, last_received_ms BIGINT)`,
  `ALTER TABLE "_head" ADD COLUMN IF NOT EXISTS carried VARCHAR DEFAULT '{}'`,
  `ALTER TABLE "_head" ADD COLUMN IF NOT EXISTS writer INTEGER DEFAULT 0`,
  `ALTER TABLE "_head" ADD COLUMN IF NOT EXISTS turn BIGINT DEFAULT 0`,
  `INSERT INTO "_head" BY NAME SELECT 1 AS format, '[]' AS progress, '{}' AS counts, 0 AS last_received_ms
    WHERE NOT EXISTS (SELECT 1 FROM "_head")`,
  `INSERT INTO "_head" SELECT * REPLACE (1 AS writer) FROM "_head" WHERE (SELECT count(*) FROM "_head") = 1`,
  `CREATE TABLE IF NOT EXISTS "_shapes" (dataset VARCHAR, shape VARCHAR)`,
  `CREATE TABLE IF NOT EXISTS "_batches" (id UUID, received_ms BIGINT)`,
];

export const idsTable = (dataset: string) => quote(`_ids_${dataset}`);

/** 128 bits of each client id stand for it: a client would have to make two ids collide in MD5 to lose one of its own. */
export const idStatements = (dataset: string) => ({
  create: `CREATE TABLE IF NOT EXISTS ${idsTable(dataset)} (low UBIGINT, high UBIGINT, received_ms BIGINT)`,
  lookup: `SELECT id, max(received_ms) FROM (SELECT ${split(1, 'id')}) JOIN ${idsTable(dataset)}
    ON low = md5_number_lower(id) AND high = md5_number_upper(id) GROUP BY id`,
  insert: `INSERT INTO ${idsTable(dataset)} SELECT md5_number_lower(id), md5_number_upper(id), CAST(ms AS BIGINT)
    FROM (SELECT ${split(1, 'id')}, ${split(2, 'ms')})`,
});

/** One line a batch in each of the parameters, which are blobs of UTF-8. */
export const INSERT_TRANSACTIONS = `INSERT INTO "_transactions" SELECT CAST(id AS UUID), CAST(transaction_id AS UUID),
  dataset, make_timestamptz(CAST(ms AS BIGINT) * 1000), CAST(accepted AS BIGINT), CAST(stored AS BIGINT),
  CAST(duplicate AS BIGINT), CAST(dead AS BIGINT)
  FROM (SELECT ${['id', 'transaction_id', 'dataset', 'ms', 'accepted', 'stored', 'duplicate', 'dead']
    .map((name, at) => splitBlob(at + 1, 10, name))
    .join(', ')})`;

/** $1: a JSON array of letters; JSON carries any character a message may hold. */
export const INSERT_LETTERS = `INSERT INTO "_dead_letters" SELECT CAST(l.id AS UUID), l.dataset,
  CAST(l.transaction_id AS UUID), l.event_id, l.row, l.stage, l.code, l.message, l.path,
  make_timestamptz(l.ms * 1000), l.original, 'dead', NULL
  FROM (SELECT unnest(from_json($1, '[{"id":"VARCHAR","dataset":"VARCHAR","transaction_id":"VARCHAR",
    "event_id":"VARCHAR","row":"BIGINT","stage":"VARCHAR","code":"VARCHAR","message":"VARCHAR","path":"VARCHAR",
    "ms":"BIGINT","original":"VARCHAR"}]')) AS l)`;

export const KNOWN_LETTERS = `SELECT CAST(id AS VARCHAR), state FROM "_dead_letters"
  WHERE id IN (SELECT CAST(text AS UUID) FROM (SELECT ${split(1, 'text')}))`;

export const DELETE_LETTERS = `DELETE FROM "_dead_letters"
  WHERE id IN (SELECT CAST(text AS UUID) FROM (SELECT ${split(1, 'text')}))`;

export const CHANGE_LETTER = `UPDATE "_dead_letters" SET stage = $2, code = $3, message = $4, path = $5
  WHERE id = CAST($1 AS UUID)`;

export const DISCARD_LETTER = `UPDATE "_dead_letters" SET state = 'discarded', reason = $2 WHERE id = CAST($1 AS UUID)`;

export const KNOWN_BATCHES = `SELECT CAST(id AS VARCHAR) FROM "_batches"
  WHERE id IN (SELECT CAST(text AS UUID) FROM (SELECT ${split(1, 'text')}))`;

export const INSERT_BATCHES = `INSERT INTO "_batches" SELECT CAST(id AS UUID), CAST(ms AS BIGINT)
  FROM (SELECT ${split(1, 'id')}, ${split(2, 'ms')})`;

export const UPDATE_HEAD = `UPDATE "_head" SET progress = $1, counts = $2, last_received_ms = CAST($3 AS BIGINT),
  turn = CAST($4 AS BIGINT) WHERE writer = CAST($5 AS INTEGER)`;
/** A JSON object a row: some of its columns are not there yet where an older Azud wrote the file. */
export const READ_HEAD = 'SELECT CAST(to_json("_head") AS VARCHAR) FROM "_head"';
/** Both rows as the head: an older Azud reads one of them. */
export const LEVEL_HEAD = `UPDATE "_head" SET progress = head.progress, counts = head.counts, turn = head.turn,
  last_received_ms = head.last_received_ms FROM (SELECT * FROM "_head" ORDER BY turn DESC LIMIT 1) AS head
  WHERE "_head".turn < head.turn`;
export const JOIN_HEAD = 'UPDATE "_head" SET progress = $1, carried = $2';

const BEFORE = 'make_timestamptz(CAST($1 AS BIGINT) * 1000)';

/** $1: ms. */
export const sweepRows = (dataset: string) => `DELETE FROM ${quote(dataset)} WHERE "_received_at" < ${BEFORE}`;

/** $1: ms · $2: dataset. */
export const SWEEP_TRANSACTIONS = `DELETE FROM "_transactions" WHERE dataset = $2 AND received_at < ${BEFORE}
  AND transaction_id NOT IN (SELECT transaction_id FROM "_dead_letters")`;
