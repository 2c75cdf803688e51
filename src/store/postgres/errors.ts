import { AzudError, isAzudError, messageOf } from '../../error/azud-error.ts';
import type { ErrorCode } from '../../error/catalogue.ts';
import { isTlsCode } from '../../error/tls.ts';

/** The driver's errors carry PostgreSQL's SQLSTATE as `code`; those of the socket carry the system's own. */
interface Failure {
  readonly code: string;
  readonly message: string;
  /** Where in a COPY it happened: `COPY flights, line 3, column delay: "x"`. */
  readonly where: string;
  /** The constraint that a row did not meet; empty where PostgreSQL names none. */
  readonly constraint: string;
}

/** The first pattern that fits the SQLSTATE, or the socket's code, gives ours. */
const CODES: readonly (readonly [RegExp, ErrorCode])[] = [
  // A connection, a server that starts, stops or has become a replica.
  [/^(08...|57P0[1-5]|25P03|25006)$/, 'not-connected'],
  [/^(ECONN.*|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT)$/, 'not-connected'],
  // No database, no right to it, no right to the schema.
  [/^(28...|42501|3D000|3F000)$/, 'access-denied'],
  // Deadlock, serialization failure, another loader that was first, a partition that was just dropped, memory.
  [/^(40...|23505|23514|53200)$/, 'unavailable'],
  [/^(53300|53400|55P03)$/, 'overloaded'],
  [/^53100$/, 'storage-full'],
  [/^57014$/, 'query-timeout'],
  // Values, and what others added to the table: NOT NULL, foreign keys, exclusions, triggers.
  [/^(22...|54000|23502|23503|23P01|P0001)$/, 'bad-row'],
];

/** One code for a row without a partition and for one that fails a CHECK of others: only the second has a name. */
const CHECK_VIOLATION = '23514';
/** Of PostgreSQL, as opposed to the socket's and the client's. */
const SQLSTATE = /^[0-9A-Z]{5}$/;

/** What the client says of a server without TLS. */
const NO_TLS = /does not support SSL|Invalid response from server during SSL/;

/** Errors of the client without a code. */
const MESSAGES: readonly (readonly [RegExp, ErrorCode])[] = [
  [/^timeout exceeded when trying to connect/, 'overloaded'],
  [
    /Connection terminated|Query read timeout|timeout expired|not queryable|connection error|Connection ended/i,
    'not-connected',
  ],
  [/SASL|password|authentication/i, 'access-denied'],
  [/SSL/, 'not-connected'],
];

const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  'not-connected': 'Check store.host and store.port, and that PostgreSQL runs there.',
  'access-denied': 'Check store.user, its password, store.database and the rights on store.schema.',
};
/** Where the server says more exactly what it refuses. */
const STATE_HINTS: readonly (readonly [RegExp, string])[] = [
  [/^28/, 'Check store.user and its password, and that pg_hba.conf lets it in.'],
  [/^3D000$/, 'Check store.database, or make it: CREATE DATABASE.'],
  [
    /^42501$/,
    'Let store.user make store.schema, or tables in it (GRANT CREATE ON DATABASE, or GRANT USAGE, CREATE ON SCHEMA), ' +
      'and own the tables that are there (ALTER TABLE … OWNER TO).',
  ],
];
const TLS_HINT = "Check store.tls, store.tls_ca, and that store.host is a name in the server's certificate.";

/** Our error for one of PostgreSQL's. After what stays unknown the process starts anew and makes the tables fit. */
export function classify(error: unknown, what: string): AzudError {
  if (isAzudError(error)) return error;
  const { code, message, constraint } = failureOf(error);
  if (isTlsCode(code) || NO_TLS.test(message)) {
    return new AzudError('access-denied', `${what}: ${message}. ${TLS_HINT}`, { cause: error, hint: TLS_HINT });
  }
  const found =
    (code === CHECK_VIOLATION && constraint !== '' ? 'bad-row' : undefined) ??
    CODES.find(([pattern]) => pattern.test(code))?.[1] ??
    MESSAGES.find(([pattern]) => pattern.test(message))?.[1];
  const known = found ?? (SQLSTATE.test(code) ? 'store-refused' : 'io-failed');
  const hint = STATE_HINTS.find(([pattern]) => pattern.test(code))?.[1] ?? HINTS[known];
  const text = `${what}: ${message}${hint && isStart(known) ? `. ${hint}` : ''}`;
  return new AzudError(known, text, { cause: error, ...(hint ? { hint } : {}) });
}

/** For a query of a user's: whatever is not about the server is about the query. */
export function classifyQuery(error: unknown, what: string): AzudError {
  if (isAzudError(error)) return error;
  const { code, message } = failureOf(error);
  if (code === '53200') return new AzudError('query-memory', message, { cause: error });
  const known = classify(error, what);
  const about: readonly ErrorCode[] = ['not-connected', 'overloaded', 'storage-full', 'query-timeout'];
  if (about.includes(known.code) && code !== '25006') return known;
  return new AzudError('sql-failed', message, { cause: error });
}

export function sqlState(error: unknown): string {
  return failureOf(error).code;
}

/** The column that a COPY stumbled over, of those it might be. */
export function columnAt(error: unknown, names: readonly string[]): string | null {
  const { where } = failureOf(isAzudError(error) ? error.cause : error);
  return names.find((name) => where.includes(`, column ${name}: `) || where.endsWith(`, column ${name}`)) ?? null;
}

/** True when the connection is not to be used again. */
export function breaksConnection(error: unknown): boolean {
  const code = classify(error, '').code;
  return code === 'not-connected' || code === 'io-failed' || code === 'store-refused' || code === 'overloaded';
}

function failureOf(error: unknown): Failure {
  // Of several addresses that were tried, each has its own error.
  const one = error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error;
  const { code, where, constraint } = (typeof one === 'object' && one !== null ? one : {}) as Partial<
    Record<keyof Failure, unknown>
  >;
  return {
    code: typeof code === 'string' ? code : '',
    message: firstLine(messageOf(one)),
    where: typeof where === 'string' ? where : '',
    constraint: typeof constraint === 'string' ? constraint : '',
  };
}

const isStart = (code: ErrorCode): boolean => code === 'not-connected' || code === 'access-denied';

function firstLine(message: string): string {
  return (message.split('\n', 1)[0] ?? '').slice(0, 500);
}
