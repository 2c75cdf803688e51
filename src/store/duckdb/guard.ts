import { AzudError } from '../../error/azud-error.ts';
import type { ErrorCode } from '../../error/catalogue.ts';
import { ALLOWED_FUNCTIONS } from './functions.ts';

/**
 * Table functions that make rows of their arguments and reach nothing else. Everything that reads files, settings or
 * other databases is not among them.
 */
const TABLE_FUNCTIONS: ReadonlySet<string> = new Set([
  'range',
  'generate_series',
  'unnest',
  'repeat',
  'repeat_row',
  'json_each',
  'json_tree',
]);

/** Scalar functions that change something, read the machine's state, or run text as SQL. */
const FORBIDDEN =
  /^(getenv|current_setting|nextval|currval|query|query_table|checkpoint|force_checkpoint|enable_logging|disable_logging|enable_profiling|disable_profiling|write_log|getvariable|json_execute_serialized_sql|json_deserialize_sql|set_config|add_parquet_key|which_secret|read_.*|parquet_.*|pragma_.*|duckdb_.*|pg_.*|sniff_csv|glob|.*_scan|.*file.*)$/;

/** What a query may do beyond reading the datasets, and which error says that it may not. */
interface Rules {
  readonly tables: ReadonlySet<string>;
  readonly allowsFunction: (name: string) => boolean;
  readonly statement: ErrorCode;
  readonly function: ErrorCode;
}

/**
 * Refuses what an endpoint must not do, by the parsed query: `serialized` is the answer of `json_serialize_sql`, which
 * knows SELECT only. Its author is whoever configures Azud.
 * @throws AzudError `sql-failed` naming what is not allowed
 */
export function checkQuery(serialized: string, tables: ReadonlySet<string>): void {
  const allowsFunction = (name: string) => !FORBIDDEN.test(name);
  check(serialized, { tables, allowsFunction, statement: 'sql-failed', function: 'sql-failed' });
}

/**
 * Refuses what a caller's own SQL must not do: only functions that are known to be harmless may be called.
 * @throws AzudError `statement-not-allowed`, `function-not-allowed`; `sql-failed` for what cannot be parsed, or is not there
 */
export function checkAdHoc(serialized: string, tables: ReadonlySet<string>): void {
  const allowsFunction = (name: string) => ALLOWED_FUNCTIONS.has(name);
  check(serialized, { tables, allowsFunction, statement: 'statement-not-allowed', function: 'function-not-allowed' });
}

function check(serialized: string, rules: Rules): void {
  const parsed = JSON.parse(serialized) as { error: boolean; error_message?: string; statements?: unknown[] };
  if (parsed.error) throw unparsed(parsed.error_message ?? 'the query cannot be parsed', rules);
  if (parsed.statements?.length !== 1) throw new AzudError(rules.statement, 'only one SELECT statement can be run');
  checkPart(parsed.statements, rules, new Set());
}

/** What is no SELECT cannot even be serialized, which is not what its author needs to hear. */
function unparsed(message: string, { statement }: Rules): AzudError {
  const isOther = message.includes('SELECT statements can be serialized') || message === 'A CTE needs a SELECT';
  if (!isOther) return new AzudError('sql-failed', message);
  return new AzudError(statement, 'the query is not a SELECT');
}

type Node = Readonly<Record<string, unknown>>;

/**
 * A part of the query, where the names of `named` mean what WITH made of them. Anywhere else the same name is a table's:
 * a name is good from the next query of its WITH on, and in its own query only where that is recursive.
 */
function checkPart(part: unknown, rules: Rules, named: ReadonlySet<string>): void {
  if (Array.isArray(part)) {
    for (const one of part) checkPart(one, rules, named);
    return;
  }
  if (part === null || typeof part !== 'object') return;
  const { cte_map: ctes, ...node } = part as Node;
  const known = new Set(named);
  for (const { key, value } of (ctes as { map?: { key?: unknown; value?: unknown }[] } | undefined)?.map ?? []) {
    checkPart(value, rules, known);
    known.add(text(key));
  }
  checkNode(node, rules, known);
  const repeated = node.type === 'RECURSIVE_CTE_NODE' ? new Set([...known, text(node.cte_name)]) : known;
  for (const [name, inner] of Object.entries(node)) checkPart(inner, rules, name === 'right' ? repeated : known);
}

function checkNode(node: Node, rules: Rules, named: ReadonlySet<string>): void {
  if (node.type === 'BASE_TABLE') checkTable(node, rules, named);
  if (node.type === 'SHOW_REF') throw new AzudError(rules.statement, 'DESCRIBE, SHOW and SUMMARIZE are not allowed');
  if (node.type === 'TABLE_FUNCTION') {
    const name = text((node.function as Node | undefined)?.function_name);
    if (!TABLE_FUNCTIONS.has(name)) throw new AzudError(rules.function, `the table function ${name} is not allowed`);
  } else if (node.function_name !== undefined) {
    const name = text(node.function_name);
    const foreign = node.catalog || (node.schema && text(node.schema) !== 'main');
    if (foreign || !(rules.allowsFunction(name) || TABLE_FUNCTIONS.has(name))) {
      throw new AzudError(rules.function, `the function ${name} is not allowed`);
    }
  }
}

function checkTable(node: Node, { tables, statement }: Rules, named: ReadonlySet<string>): void {
  const name = text(node.table_name);
  const schema = text(node.schema_name);
  if (node.catalog_name || (schema !== '' && schema !== 'main')) throw missing(`${schema}.${name}`);
  if (tables.has(name) || (schema === '' && named.has(name))) return;
  // The engine would take it for a file or an address.
  if (/[./:*]/.test(name)) throw new AzudError(statement, `only datasets can be read, not ${name.slice(0, 100)}`);
  throw missing(name);
}

/** As the engine compares names: it folds A to Z only, and takes no sign for Kelvin for a k. */
const text = (value: unknown): string =>
  typeof value === 'string' ? value.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()) : '';

function missing(name: string): AzudError {
  return new AzudError('sql-failed', `there is no dataset ${name.slice(0, 100)}`);
}
