import type { ClientBase } from 'pg';
import { AzudError } from '../../error/azud-error.ts';
import { type Column, type Dataset, SYSTEM_COLUMNS } from '../../event/dataset.ts';
import { didYouMean } from '../../lib/nearest.ts';
import { quote } from '../sql/dialect.ts';
import type { CitusConfig } from './config.ts';

/** Where the rows of a dataset lie in a Citus cluster: over the workers by a column's value, or whole on each of them. */
export type Placement = { readonly type: 'distributed'; readonly column: string } | { readonly type: 'reference' };

/**
 * What the configuration asks for, by dataset; empty for a database that is no Citus cluster. Azud's own tables stay on
 * the coordinator: they are small, and each unit writes them.
 * @throws AzudError `invalid-config` for what Citus cannot do, all at once
 */
export function placementsOf(datasets: readonly Dataset[], citus: CitusConfig): ReadonlyMap<string, Placement> {
  const wanted = [
    ...[...citus.distribute].map(([name, column]) => ({ name, column, path: `/store/citus/distribute/${name}` })),
    ...citus.reference.map((name, n) => ({ name, column: null, path: `/store/citus/reference/${n}` })),
  ];
  const placements = new Map<string, Placement>();
  const errors = wanted.flatMap(({ name, column, path }) => {
    const dataset = datasets.find((each) => each.name === name);
    const fault = dataset
      ? placements.has(name)
        ? 'is distributed and a reference table; it can be one of them'
        : column === null
          ? referenceFault(dataset)
          : distributionFault(dataset, column)
      : `is no dataset${didYouMean(
          name,
          datasets.map((each) => each.name),
        )}`;
    placements.set(name, column === null ? { type: 'reference' } : { type: 'distributed', column });
    return fault === null ? [] : [{ path, code: 'invalid_config', message: `store.citus: ${name} ${fault}` }];
  });
  if (errors.length > 0) throw new AzudError('invalid-config', errors[0]?.message ?? '', { errors });
  return placements;
}

/** Every row must have a value there, and a unique index must have the column in it. */
function distributionFault(dataset: Dataset, name: string): string | null {
  const columns: readonly Column[] = [...dataset.columns, ...SYSTEM_COLUMNS];
  const column = columns.find((each) => each.name === name);
  if (!column) {
    const near = didYouMean(
      name,
      columns.map((each) => each.name),
    );
    return `has no column ${name}${near}`;
  }
  if (column.type === 'json') return `cannot be distributed by ${name}: JSON has no hash`;
  if (!column.required) {
    return `cannot be distributed by ${name}, which may be absent or null: make it required in the schema, or take _event_id`;
  }
  if (dataset.mode === 'upsert' && dataset.key !== name) {
    return `is unique by its key ${dataset.key}, so it can be distributed by that alone, not by ${name}`;
  }
  return null;
}

function referenceFault({ mode }: Dataset): string | null {
  if (mode === 'upsert') return null;
  return 'cannot be a reference table: appended rows lie in partitions by month, which Citus distributes only; make it mode: upsert';
}

const PRESENT = `SELECT to_regproc('create_distributed_table') IS NOT NULL AND to_regclass('citus_tables') IS NOT NULL AS present`;
const FOUND = `SELECT citus_table_type AS type, distribution_column AS "column" FROM citus_tables
  WHERE table_name = $1::regclass`;

/** @throws AzudError `invalid-config` when the database has no Citus */
export async function requireCitus(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ present: boolean }>(PRESENT);
  if (rows[0]?.present) return;
  throw new AzudError('invalid-config', 'store.citus is set, and this database has no Citus', {
    hint: 'Run CREATE EXTENSION citus as a superuser on the coordinator, or remove store.citus.',
  });
}

/**
 * Spreads the tables that are not spread yet; what is in them moves to the workers. Needs the transaction that made them.
 * @throws AzudError `invalid-config` for a table that is spread in another way
 */
export async function placeTables(client: ClientBase, placements: ReadonlyMap<string, Placement>): Promise<void> {
  for (const [name, placement] of placements) {
    const found = await placementOf(client, name);
    if (found) refuseOther(name, found, placement);
    else if (placement.type === 'reference') await client.query('SELECT create_reference_table($1)', [quote(name)]);
    else await client.query('SELECT create_distributed_table($1, $2)', [quote(name), placement.column]);
  }
}

/**
 * A table with another key is made anew from the old one's rows, which Citus cannot do within one transaction.
 * @throws AzudError `invalid-config` when the table is spread
 */
export async function refuseSpread(client: ClientBase, name: string): Promise<void> {
  const { rows } = await client.query<{ present: boolean }>(PRESENT);
  if (!rows[0]?.present || !(await placementOf(client, name))) return;
  throw new AzudError('invalid-config', `${name} lies on the workers of Citus, where its mode and key cannot change`, {
    hint: `Run SELECT undistribute_table('${name}') first, which brings its rows to the coordinator.`,
  });
}

async function placementOf(client: ClientBase, name: string): Promise<Placement | null> {
  const { rows } = await client.query<{ type: string; column: string | null }>(FOUND, [quote(name)]);
  const [found] = rows;
  if (!found || (found.type !== 'reference' && found.type !== 'distributed')) return null;
  return found.type === 'reference' ? { type: 'reference' } : { type: 'distributed', column: found.column ?? '' };
}

function refuseOther(name: string, found: Placement, wanted: Placement): void {
  if (words(found) === words(wanted)) return;
  throw new AzudError(
    'invalid-config',
    `${name} is ${words(found)} in Citus, and store.citus asks for ${words(wanted)}`,
    {
      hint: `Change it by hand, for that moves every row: SELECT undistribute_table('${name}'), then start again.`,
    },
  );
}

function words(placement: Placement): string {
  return placement.type === 'reference' ? 'a reference table' : `distributed by ${placement.column}`;
}
