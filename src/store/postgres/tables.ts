import type { ClientBase } from 'pg';
import { AzudError } from '../../error/azud-error.ts';
import type { Dataset } from '../../event/dataset.ts';
import { type PlanStep, planTables, refuseDestructive, shapeOf, type TableShape } from '../plan.ts';
import { addColumn, createTable, dropColumn } from '../sql/compiler.ts';
import { quote, type SqlColumn } from '../sql/dialect.ts';
import { refuseSpread } from './citus.ts';
import { derivedName, NAME_BYTES_MAX, nameList, POSTGRES_DIALECT, sqlColumn, tableColumns } from './dialect.ts';
import { addPartitions, monthOf } from './partitions.ts';
import { OWN_TABLES } from './statements.ts';

/** One process at a time changes tables: the lock is named after the schema. */
export const LOCK_TABLES = `SELECT pg_advisory_xact_lock(hashtextextended('azud ' || current_schema(), 0))`;

/**
 * Makes the tables fit the datasets. Needs a transaction around it.
 * @throws AzudError `destructive-change`
 */
export async function fitTables(
  client: ClientBase,
  datasets: readonly Dataset[],
  allowDestructive: boolean,
): Promise<void> {
  await client.query(LOCK_TABLES);
  for (const sql of OWN_TABLES) await client.query(sql);
  const plan = planTables(await presentShapes(client), datasets);
  refuseDestructive(plan, allowDestructive);
  for (const step of plan.steps) await take(client, step);
  for (const dataset of datasets) {
    await widen(client, dataset);
    await client.query(
      'INSERT INTO "_shapes" VALUES ($1, $2) ON CONFLICT (dataset) DO UPDATE SET shape = excluded.shape',
      [dataset.name, JSON.stringify(shapeOf(dataset))],
    );
  }
}

const COLUMNS = `SELECT s.dataset, s.shape, array_agg(a.attname::text) AS columns FROM "_shapes" s
  JOIN pg_class c ON c.relname = s.dataset AND c.relnamespace = current_schema()::regnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped GROUP BY s.dataset`;

/** The shapes as Azud left them, without the tables and columns that somebody has dropped since: those are made again. */
async function presentShapes(client: ClientBase): Promise<Map<string, TableShape>> {
  const { rows } = await client.query<{ dataset: string; shape: string; columns: readonly string[] }>(COLUMNS);
  return new Map(
    rows.map(({ dataset, shape, columns }) => {
      const { columns: left, ...rest } = JSON.parse(shape) as TableShape;
      return [dataset, { ...rest, columns: left.filter(({ name }) => columns.includes(name)) }];
    }),
  );
}

async function take(client: ClientBase, step: PlanStep): Promise<void> {
  const { dataset } = step;
  switch (step.kind) {
    case 'create':
      return create(client, dataset);
    case 'add':
      await client.query(addColumn(dataset.name, sqlColumn(dataset, step.column), POSTGRES_DIALECT));
      return;
    case 'drop':
      await client.query(dropColumn(dataset.name, step.column));
      return;
    case 'rekey':
      await refuseSpread(client, dataset.name);
      return rebuild(client, dataset);
  }
}

/** Appended rows lie in a partition a month, so that retention drops files; a table with a key cannot be cut by time. */
async function create(client: ClientBase, dataset: Dataset): Promise<void> {
  const { name, mode, key } = dataset;
  const columns = tableColumns(dataset);
  const system = columns.filter(({ name: column }) => column.startsWith('_') && column !== '_extra');
  const notNull = system.map(({ name: column }) => `ALTER COLUMN ${quote(column)} SET NOT NULL`).join(', ');
  const table = createTable(name, columns, POSTGRES_DIALECT);
  const keyed = mode === 'upsert' && key !== null;
  await client.query(keyed ? table : `${table} PARTITION BY RANGE ("_received_at")`);
  await client.query(`ALTER TABLE ${quote(name)} ${notNull}`);
  const index = async (kind: string, what: string, unique = false) =>
    client.query(`CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${quote(derivedName(kind, name))} ON ${quote(name)} ${what}`);
  if (keyed) await index('key', `(${quote(key)}) NULLS NOT DISTINCT`, true);
  await index('id', '("_event_id")');
  // Read backwards it gives what is asked for, DESC NULLS LAST. In this order what is stored comes last of all, and PostgreSQL
  // goes straight to the last page, which it fills: 0.2 µs less a row, and half the pages.
  await index('time', '("_received_at" NULLS FIRST)');
}

/** The table in its new mode or with its new key. In upsert mode only the latest row of each key remains. */
async function rebuild(client: ClientBase, dataset: Dataset): Promise<void> {
  const { name, mode, key } = dataset;
  const before = quote(derivedName('before', name));
  const columns = nameList(tableColumns(dataset));
  await client.query(`ALTER TABLE ${quote(name)} RENAME TO ${before}`);
  for (const kind of ['key', 'id', 'time']) {
    await client.query(`DROP INDEX IF EXISTS ${quote(derivedName(kind, name))}`);
  }
  await renamePartitions(client, derivedName('before', name));
  await create(client, dataset);
  if (mode === 'append') {
    const { rows } = await client.query<{ ms: string }>(
      `SELECT DISTINCT extract(epoch FROM date_trunc('month', "_received_at")) * 1000 AS ms FROM ${before}`,
    );
    await addPartitions(client, name, new Set(rows.map(({ ms }) => monthOf(Number(ms)))));
  }
  const latest =
    mode === 'upsert' && key !== null
      ? `SELECT DISTINCT ON (${quote(key)}) ${columns} FROM ${before}
         ORDER BY ${quote(key)}, "_received_at" DESC, ctid DESC`
      : `SELECT ${columns} FROM ${before}`;
  await client.query(`INSERT INTO ${quote(name)} (${columns}) ${latest}`);
  await client.query(`DROP TABLE ${before}`);
}

/** Their names are those that the new table's partitions take. */
async function renamePartitions(client: ClientBase, table: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass',
    [quote(table)],
  );
  for (const { name } of rows) {
    await client.query(`ALTER TABLE ${quote(name)} RENAME TO ${quote(derivedName('before', name))}`);
  }
}

/** A schema that loosens an integer's bounds needs the wider type; the values stay. */
async function widen(client: ClientBase, dataset: Dataset): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute
     WHERE attrelid = $1::regclass AND atttypid = 'bigint'::regtype AND attnum > 0`,
    [quote(dataset.name)],
  );
  const stored = new Set(rows.map(({ name }) => name));
  const needed = ({ name, type, integerBits }: SqlColumn) =>
    type === 'integer' && integerBits === 128 && stored.has(name);
  for (const column of tableColumns(dataset).filter(needed)) {
    const type = POSTGRES_DIALECT.type(column);
    await client.query(`ALTER TABLE ${quote(dataset.name)} ALTER COLUMN ${quote(column.name)} TYPE ${type}`);
  }
}

/** Columns that every table of PostgreSQL has, under names that no property can then have. */
const TAKEN: ReadonlySet<string> = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']);

/** @throws AzudError `invalid-config` for names that PostgreSQL has no room for */
export function refuseNames(datasets: readonly Dataset[]): void {
  const errors = datasets.flatMap(({ name, columns, key }) =>
    columns.flatMap((column) => {
      const what = TAKEN.has(column.name)
        ? 'is a name that PostgreSQL keeps for itself'
        : Buffer.byteLength(column.name) > NAME_BYTES_MAX
          ? `is longer than ${NAME_BYTES_MAX} bytes, the longest name in PostgreSQL`
          : column.name === key && column.type === 'json'
            ? 'is JSON, which cannot be a key in PostgreSQL'
            : null;
      if (what === null) return [];
      const path = `/datasets/${name}/schema/properties/${column.name}`;
      return [{ path, code: 'invalid_config', message: `${name}: ${column.name} ${what}` }];
    }),
  );
  if (errors.length > 0) throw new AzudError('invalid-config', errors[0]?.message ?? '', { errors });
}
