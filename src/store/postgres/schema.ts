import type { ClientBase } from 'pg';
import { AzudError } from '../../error/azud-error.ts';
import type { Dataset } from '../../event/dataset.ts';
import { quote } from '../sql/dialect.ts';
import { SYSTEM_TABLES } from '../tables.ts';
import type { PostgresStoreConfig } from './config.ts';

/** `UNIQUE NULLS NOT DISTINCT` came with it. */
const VERSION_MIN = 150_000;

/**
 * Looks at the server before anything is asked of it, and makes the schema.
 * @throws AzudError `invalid-config` for a server that is too old, `unsafe-setting` for one that may lose commits,
 * `access-denied` for a schema that the user may not use
 */
export async function openSchema(
  client: ClientBase,
  { schema, allow_unsafe }: Pick<Required<PostgresStoreConfig>, 'schema' | 'allow_unsafe'>,
): Promise<void> {
  const { rows } = await client.query<Facts>(FACTS, [schema]);
  const [facts] = rows;
  if (Number(facts?.version) < VERSION_MIN) {
    throw new AzudError('invalid-config', `this store needs PostgreSQL 15 or newer, and the server is ${facts?.words}`);
  }
  const unsafe = (['fsync', 'synchronous_commit'] as const).find((name) => facts?.[name] === 'off');
  if (unsafe !== undefined && !allow_unsafe) {
    throw new AzudError(
      'unsafe-setting',
      `PostgreSQL runs with ${unsafe} = off and may lose events that it confirmed`,
      {
        hint: `Set ${unsafe} = on in postgresql.conf, or store.allow_unsafe: true.`,
      },
    );
  }
  if (facts?.present && !facts.usable) {
    // The server itself would say that no schema has been selected.
    throw new AzudError('access-denied', `the user ${facts.who} may not use the schema ${schema}`, {
      hint: `Run GRANT USAGE, CREATE ON SCHEMA ${quote(schema)} TO ${quote(facts.who)}, or name another in store.schema.`,
    });
  }
  // Whoever may use a schema need not be allowed to make one.
  if (!facts?.present) await client.query(`CREATE SCHEMA IF NOT EXISTS ${quote(schema)}`);
}

interface Facts {
  readonly version: string;
  readonly words: string;
  readonly fsync: string;
  readonly synchronous_commit: string;
  readonly who: string;
  readonly present: boolean;
  /** Null when it is not there. */
  readonly usable: boolean | null;
}

const FACTS = `SELECT current_setting('server_version_num') AS version, current_setting('server_version') AS words,
  current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit,
  current_user AS who, EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1) AS present,
  (SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = $1) AS usable`;

/**
 * Rights on what is there already: the owner of a table has them, unless somebody took them.
 * @throws AzudError `access-denied` for the first table that the user may not use
 */
export async function requireRights(client: ClientBase, datasets: readonly Dataset[]): Promise<void> {
  const { rows } = await client.query<Lack>(LACKING, [datasets.map(({ name }) => name)]);
  const [lack] = rows;
  if (!lack) return;
  const { schema, name, who, rights } = lack;
  const table = `${quote(schema)}.${quote(name)}`;
  const shown = `the table ${schema}.${name}`;
  const [what, command] = rights
    ? [`lacks ${rights} on ${shown}`, `GRANT ${rights} ON ${table} TO ${quote(who)}`]
    : [`must own ${shown} to add partitions`, `ALTER TABLE ${table} OWNER TO ${quote(who)}`];
  throw new AzudError('access-denied', `the user ${who} ${what}`, { hint: `Run ${command}.` });
}

interface Lack {
  readonly schema: string;
  readonly name: string;
  readonly who: string;
  /** As GRANT takes them; empty when it is the owner's that is missing. */
  readonly rights: string;
}

const LACKING = `SELECT current_schema() AS schema, c.relname AS name, current_user AS who,
    coalesce(string_agg(p."right", ', ' ORDER BY p.place), '') AS rights
  FROM pg_class c LEFT JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) WITH ORDINALITY AS p("right", place)
    ON NOT has_table_privilege(c.oid, p."right")
  WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY ($1::text[])
  GROUP BY c.oid, c.relname, c.relowner, c.relkind
  HAVING count(p."right") > 0 OR (c.relkind = 'p' AND NOT pg_has_role(c.relowner, 'USAGE'))
  ORDER BY c.relname LIMIT 1`;

/**
 * The reader may read datasets, dead letters and receipts; ids, sums and progress are not its affair.
 * @throws AzudError `access-denied` when there is no such user
 */
export async function grantReading(
  client: ClientBase,
  datasets: readonly Dataset[],
  { schema, reader }: Pick<PostgresStoreConfig, 'schema' | 'reader'>,
): Promise<void> {
  if (!reader || !schema) return;
  const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [reader]);
  if (rowCount === 0) {
    throw new AzudError(
      'access-denied',
      `store.reader names the user ${reader}, and the server has none of that name`,
      {
        hint: `Run CREATE ROLE ${quote(reader)} LOGIN NOINHERIT CONNECTION LIMIT 20, or correct store.reader.`,
      },
    );
  }
  const tables = [...datasets.map(({ name }) => name), ...SYSTEM_TABLES.map(({ name }) => name)].map(quote);
  await client.query(`GRANT USAGE ON SCHEMA ${quote(schema)} TO ${quote(reader)}`);
  await client.query(`GRANT SELECT ON ${tables.join(', ')} TO ${quote(reader)}`);
}
