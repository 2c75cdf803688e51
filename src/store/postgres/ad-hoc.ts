import { AzudError } from '../../error/azud-error.ts';
import { classifyQuery, sqlState } from './errors.ts';
import { TOKEN } from './queries.ts';

/**
 * What holds a caller's own SQL on PostgreSQL are the rights of the reader, the extended protocol, which takes one
 * statement, a cursor, which takes one SELECT, and the client's deadline. What is refused here is refused so that it is
 * told in clear words, and so that a role with more rights than it needs does less harm.
 */
const FORBIDDEN =
  /(?<![\w$.])(?:pg_catalog\s*\.\s*)?"?(pg_\w+|lo_\w+|set_config|current_setting|nextval|setval|currval|lastval|dblink\w*|query_to_xml\w*|cursor_to_xml\w*|table_to_xml\w*|schema_to_xml\w*|database_to_xml\w*|txid_\w+|inet_\w+|version)"?\s*\(/i;
const OTHER_STATEMENT =
  /^[\s(]*(insert|update|delete|merge|create|alter|drop|truncate|copy|call|do|set|reset|show|explain|begin|start|commit|rollback|savepoint|prepare|execute|deallocate|declare|fetch|close|vacuum|analyze|grant|revoke|lock|listen|notify|unlisten|load|discard|reindex|cluster|refresh|comment|security|import|checkpoint)\b/i;

/** The server's own tables, which every role may read: who else is there, and what they own. */
const CATALOGUE = /(?<![\w$.])"?(pg_\w+|information_schema)"?(?!\w|\s*\()/i;

/** @throws AzudError `statement-not-allowed`, `function-not-allowed` */
export function checkAdHoc(text: string): void {
  if (/\bU&["']/i.test(text)) throw new AzudError('sql-failed', 'U& strings and names are not taken');
  // Strings and comments hold no calls; quoted names may.
  const code = text.replace(TOKEN, (token: string) => (/^(?:"|\$\w+$)/.test(token) ? token : ' '));
  const statement = OTHER_STATEMENT.exec(code)?.[1];
  if (statement) throw new AzudError('statement-not-allowed', `${statement.toUpperCase()} is not a SELECT`);
  const name = FORBIDDEN.exec(code)?.[1];
  if (name) throw new AzudError('function-not-allowed', `the function ${name.toLowerCase()} is not allowed`);
  const own = CATALOGUE.exec(code)?.[1]?.toLowerCase();
  if (own) throw new AzudError('statement-not-allowed', `only datasets can be read, and ${own} is the server's own`);
}

/** SQL states of what a read-only session and a cursor refuse. */
const NOT_ALLOWED: ReadonlySet<string> = new Set(['25006', '0A000', '42501', '25001', '3F000']);

/** Our error for one of the server's about a caller's own SQL. */
export function classifyAdHoc(error: unknown, what: string): AzudError {
  const known = classifyQuery(error, what);
  const several = /multiple commands|INTO is not allowed/.test(known.message);
  if (known.code !== 'sql-failed' || !(several || NOT_ALLOWED.has(sqlState(error)))) return known;
  return new AzudError('statement-not-allowed', known.message, { cause: error });
}
