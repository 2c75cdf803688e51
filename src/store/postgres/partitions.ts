import type { ClientBase } from 'pg';
import { quote } from '../sql/dialect.ts';
import { derivedName } from './dialect.ts';
import { sqlState } from './errors.ts';

/** A month in UTC, counted from the year 0. */
export type Month = number;

const MONTHS = 12;

export function monthOf(ms: number): Month {
  const date = new Date(ms);
  return date.getUTCFullYear() * MONTHS + date.getUTCMonth();
}

function startOf(month: Month): string {
  return new Date(Date.UTC(Math.floor(month / MONTHS), month % MONTHS)).toISOString();
}

const suffixOf = (month: Month): string => startOf(month).slice(0, 7).replace('-', '');

/** `_202601_flights`: the rows of a dataset received in a month. */
export function partitionName(dataset: string, month: Month): string {
  return derivedName(suffixOf(month), dataset);
}

/**
 * Makes the partitions that are missing. Attaching a table that is ready holds up neither readers nor writers, as making
 * it inside the other would. Needs a transaction around it that holds the lock of tables.ts.
 */
export async function addPartitions(client: ClientBase, dataset: string, months: ReadonlySet<Month>): Promise<void> {
  const parent = quote(dataset);
  const present = new Set((await partitionsOf(client, dataset)).map(({ name }) => name));
  for (const month of months) {
    const name = partitionName(dataset, month);
    if (present.has(name)) continue;
    await client.query(`CREATE TABLE ${quote(name)} (LIKE ${parent} INCLUDING ALL)`);
    await client.query(
      `ALTER TABLE ${parent} ATTACH PARTITION ${quote(name)}
       FOR VALUES FROM ('${startOf(month)}') TO ('${startOf(month + 1)}')`,
    );
  }
}

/** A table that somebody reads is left for the next time. */
const LOCK_TIMEOUT = '55P03';

/** Drops the months that ended before the moment, ms. */
export async function dropPartitions(client: ClientBase, dataset: string, before: number): Promise<void> {
  for (const { name, until } of await partitionsOf(client, dataset)) {
    if (until > before) continue;
    try {
      await client.query(`DROP TABLE IF EXISTS ${quote(name)}`);
    } catch (error) {
      if (sqlState(error) !== LOCK_TIMEOUT) throw error;
    }
  }
}

/** Partitions by name, with the moment they end at, ms. Empty for a table without any. */
async function partitionsOf(client: ClientBase, dataset: string): Promise<{ name: string; until: number }[]> {
  const { rows } = await client.query<{ name: string; bound: string }>(
    `SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass`,
    [quote(dataset)],
  );
  return rows.map(({ name, bound }) => ({ name, until: endOf(bound) }));
}

/** `FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2026-02-01 00:00:00+00')` */
function endOf(bound: string): number {
  const text = /TO \('([^']+)'\)/.exec(bound)?.[1] ?? '';
  const ms = Date.parse(`${text.replace(' ', 'T')}:00`);
  // A partition that somebody else made, with other bounds, is not ours to drop.
  return Number.isNaN(ms) ? Number.POSITIVE_INFINITY : ms;
}
