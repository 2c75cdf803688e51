import { AzudError } from '../../error/azud-error.ts';

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

/**
 * Refuses what an endpoint must not do, by the parsed query: `serialized` is the answer of `json_serialize_sql`, which
 * knows SELECT only.
 * @throws AzudError `sql-failed` naming what is not allowed
 */
export function checkQuery(serialized: string, tables: ReadonlySet<string>): void {
  const parsed = JSON.parse(serialized) as { error: boolean; error_message?: string; statements?: unknown[] };
  if (parsed.error) throw refused(reasonOf(parsed.error_message ?? 'the query cannot be parsed'));
  if (parsed.statements?.length !== 1) throw refused('only one SELECT statement can be run');
  const nodes = [...objectsIn(parsed.statements)];
  const named = new Set(nodes.flatMap(cteNames));
  for (const node of nodes) checkNode(node, { tables, named });
}

/** What is no SELECT cannot even be serialized, which is not what its author needs to hear. */
function reasonOf(message: string): string {
  return message.includes('SELECT statements can be serialized') ? 'the query is not a SELECT' : message;
}

type Node = Readonly<Record<string, unknown>>;

function checkNode(node: Node, allowed: { tables: ReadonlySet<string>; named: ReadonlySet<string> }): void {
  if (node.type === 'BASE_TABLE') checkTable(node, allowed);
  if (node.type === 'SHOW_REF') throw refused('DESCRIBE, SHOW and SUMMARIZE are not allowed');
  if (node.type === 'TABLE_FUNCTION') {
    const name = text((node.function as Node | undefined)?.function_name);
    if (!TABLE_FUNCTIONS.has(name)) throw refused(`the table function ${name} is not allowed`);
  }
  const name = text(node.function_name);
  if (FORBIDDEN.test(name)) throw refused(`the function ${name} is not allowed`);
}

function checkTable(node: Node, { tables, named }: { tables: ReadonlySet<string>; named: ReadonlySet<string> }): void {
  const name = text(node.table_name);
  const schema = text(node.schema_name);
  if (node.catalog_name || (schema !== '' && schema !== 'main')) throw refused(`there is no dataset ${schema}.${name}`);
  if (!tables.has(name) && !(schema === '' && named.has(name))) throw refused(`there is no dataset ${name}`);
}

function cteNames(node: Node): string[] {
  const map = (node.cte_map as { map?: { key?: unknown }[] } | undefined)?.map ?? [];
  return [...map.map(({ key }) => text(key)), ...(node.cte_name === undefined ? [] : [text(node.cte_name)])];
}

const text = (value: unknown): string => (typeof value === 'string' ? value.toLowerCase() : '');

function* objectsIn(value: unknown): Generator<Node> {
  if (Array.isArray(value)) {
    for (const one of value) yield* objectsIn(one);
    return;
  }
  if (value === null || typeof value !== 'object') return;
  yield value as Node;
  for (const one of Object.values(value)) yield* objectsIn(one);
}

function refused(what: string): AzudError {
  return new AzudError('sql-failed', what);
}
