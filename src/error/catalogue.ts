/**
 * The only list of what can go wrong. Each code gives the HTTP status, the CLI's exit code, whether the same
 * request may succeed later, a title, and what to do next. `docs/reference/errors.md` is generated from it and
 * every running server answers a page of it at `/problems/{code}`.
 */

export interface ErrorEntry {
  /** HTTP status of a problem with this code. */
  readonly status: number;
  /** Exit code of a CLI command that ends with it: 1 failed, 2 usage or configuration, 69 unavailable, 74 I/O, 75 later. */
  readonly exit: 1 | 2 | 69 | 74 | 75;
  /** True when repeating the same request later may succeed. */
  readonly retryable: boolean;
  readonly title: string;
  /** What the reader should do next, one sentence. */
  readonly hint: string;
}

const entry = (status: number, title: string, hint: string, more: Partial<ErrorEntry> = {}): ErrorEntry =>
  Object.freeze({ status, exit: 1, retryable: false, title, hint, ...more });

const later = { retryable: true, exit: 75 } as const;
const down = { retryable: true, exit: 69 } as const;
const usage = { exit: 2 } as const;

export const CATALOGUE = Object.freeze({
  // The request as a whole
  'empty-body': entry(400, 'The body is empty', 'Send one event, an array of events, or NDJSON.'),
  'invalid-json': entry(400, 'The body is not JSON', 'Mend the JSON at the position named in the detail.'),
  'invalid-utf8': entry(400, 'The body is not valid UTF-8', 'Encode the body as UTF-8 without replacement.'),
  'invalid-unicode': entry(
    400,
    'A string holds half of a surrogate pair',
    'Send whole characters: pair or drop the surrogate.',
  ),
  'duplicate-key': entry(
    400,
    'A key stands twice in one object',
    'Send each key once: readers disagree on which one counts.',
  ),
  'too-deep': entry(400, 'The JSON is nested too deeply', 'Flatten the event to at most 32 levels.'),
  'bad-encoding': entry(400, 'The compressed body is damaged', 'Compress the body again; nothing of it was kept.'),
  'invalid-parameter': entry(400, 'A parameter is not valid', 'Correct the parameter named in the detail.'),
  'invalid-cursor': entry(
    400,
    'The cursor is not valid',
    'Use the `next` value of the page before, with the same query, or start without a cursor.',
  ),
  'invalid-header': entry(400, 'A header is not valid', 'Correct the header named in the detail.'),
  'invalid-url': entry(400, 'The URL is not valid', 'Percent-encode the path and the query correctly.'),
  'bad-request': entry(400, 'The request is malformed', 'Send a well-formed HTTP/1.1 request.'),
  'invalid-cloudevent': entry(
    400,
    'The CloudEvent is not valid',
    'Give specversion 1.0, id, source and type, as the CloudEvents specification asks.',
  ),
  'sql-failed': entry(400, 'The query failed', 'Correct the query or its parameters as the detail says.'),
  'sql-too-large': entry(400, 'The query is too long', 'Shorten the SQL; the detail names the limit.'),
  unauthorized: entry(401, 'A valid token is needed', 'Send `Authorization: Bearer <token>`.'),
  forbidden: entry(403, 'The token does not allow this', 'Use a token that has the scope named in the detail.'),
  'statement-not-allowed': entry(403, 'This statement may not be run', 'Send one SELECT over the datasets.'),
  'function-not-allowed': entry(403, 'This function may not be called', 'Leave out the function named in the detail.'),
  'not-found': entry(404, 'There is nothing at this address', 'Check the path against /docs.'),
  'dataset-not-found': entry(
    404,
    'There is no such dataset',
    'Check the name against /v1/datasets, or declare it in azud.yaml.',
  ),
  'endpoint-not-found': entry(
    404,
    'There is no such endpoint',
    'Check the name against /docs, or declare it in azud.yaml.',
  ),
  'row-not-found': entry(404, 'There is no such row', 'Check the id; a row appears when its event is stored.'),
  'transaction-not-found': entry(
    404,
    'There is no such transaction',
    'Check the id: it is the transaction_id of an answer to a POST.',
  ),
  'dead-letter-not-found': entry(
    404,
    'There is no such dead letter',
    'Check the id against /v1/dead-letters; it may have been replayed already.',
  ),
  'method-not-allowed': entry(405, 'This address does not take that method', 'Use a method named in the Allow header.'),
  'not-acceptable': entry(
    406,
    'None of the accepted formats can be given',
    'Accept application/json, application/x-ndjson, text/csv or application/vnd.apache.parquet.',
  ),
  'request-timeout': entry(
    408,
    'The request took too long to arrive',
    'Send the whole request within the time limit.',
    later,
  ),
  'already-discarded': entry(
    409,
    'The dead letter is closed',
    'It was discarded or replayed already; nothing is left to do.',
  ),
  'too-large': entry(413, 'The request is too large', 'Send smaller batches; the detail names the limit.'),
  'inflated-too-large': entry(
    413,
    'The body grows too large when decompressed',
    'Send smaller batches; the detail names the limit.',
  ),
  'batch-too-large': entry(
    413,
    'There are too many events in one request',
    'Split the batch; the detail names the limit.',
  ),
  'line-too-long': entry(413, 'A line is too long', 'Send each event on its own line; the detail names the limit.'),
  'result-too-large': entry(413, 'The result is too large', 'Ask for fewer rows or columns.'),
  'uri-too-long': entry(414, 'The address is too long', 'Shorten the path or the query.'),
  'unsupported-media-type': entry(
    415,
    'This content type is not taken',
    'Use application/json, application/x-ndjson, text/csv or a CloudEvents type.',
  ),
  'unsupported-charset': entry(415, 'This charset is not taken', 'Send UTF-8.'),
  'unsupported-encoding': entry(415, 'This content encoding is not taken', 'Use gzip, deflate or none.'),
  'expectation-failed': entry(417, 'The expectation cannot be met', 'Send no Expect header but 100-continue.'),
  'not-an-event': entry(422, 'The body holds no event', 'An event is a JSON object; send one, or an array of them.'),
  'schema-violation': entry(422, 'The event does not fit its dataset', 'Correct the fields listed in errors.'),
  'invalid-key': entry(422, 'A key is not valid', 'Keys are 1 to 256 bytes without control characters.'),
  'forbidden-key': entry(422, 'A key is not allowed', 'Rename the key: it collides with the language or with Azud.'),
  'reserved-key': entry(
    422,
    'A key is reserved',
    'Rename the key: names that begin with an underscore belong to Azud.',
  ),
  'too-many-keys': entry(422, 'There are too many keys in one event', 'Split the event or nest less.'),
  'number-range': entry(422, 'A number cannot be kept exactly', 'Send it within range, or as a string.'),
  'invalid-id': entry(
    422,
    'The event id is not valid',
    'An id is a string of 1 to 128 bytes without control characters, or an integer.',
  ),
  'invalid-csv': entry(
    422,
    'The CSV is not valid',
    'Give a header line with unique names and the same number of cells in each row.',
  ),
  'invalid-patch': entry(422, 'The patch cannot be applied', 'Send an RFC 6902 patch whose paths exist in the event.'),
  'batch-rejected': entry(
    422,
    'Not every event of the strict batch fits',
    'Correct the rows listed in errors, or send without strict=true.',
  ),
  'invalid-name': entry(422, 'The name is not valid', 'Names match ^[a-z][a-z0-9_]{0,62}$.'),
  'rate-limited': entry(429, 'Too many requests', 'Wait for Retry-After seconds, then go on.', later),
  'headers-too-large': entry(431, 'The headers are too large or too many', 'Send fewer or shorter headers.'),
  internal: entry(500, 'Azud failed', 'Report it with the request_id; nothing was acknowledged.'),
  'sql-not-supported': entry(
    501,
    'This store answers no ad-hoc SQL',
    'Read rows or endpoints instead, or set the store up as the detail says.',
  ),
  unavailable: entry(
    503,
    'This part of Azud is not available now',
    'Try again in a while; over HTTP, Retry-After says when.',
    down,
  ),
  overloaded: entry(503, 'Azud is overloaded', 'Try again in a while; over HTTP, Retry-After says when.', later),
  draining: entry(503, 'Azud is shutting down', 'Try again in a while; over HTTP, Retry-After says when.', later),
  'query-memory': entry(503, 'The query needs more memory than it may use', 'Ask for fewer rows or groups.', later),
  'query-timeout': entry(504, 'The query took too long', 'Ask for less, or narrow it by time.', {
    retryable: true,
    exit: 75,
  }),
  'storage-full': entry(507, 'The disk is full', 'Free disk space; Azud resumes by itself.', {
    retryable: true,
    exit: 74,
  }),
  // Start and operation: seen on the command line and in logs
  'invalid-usage': entry(400, 'The command is not right', 'See azud --help.', usage),
  'invalid-config': entry(
    400,
    'The configuration is not valid',
    'Correct the lines named; azud check shows them all.',
    usage,
  ),
  'destructive-change': entry(
    409,
    'The change would lose data',
    'Keep what would change (column, type, mode, key), or start once with --allow-destructive.',
    usage,
  ),
  'missing-package': entry(503, 'A package is missing', 'Install the package named in the detail.', usage),
  locked: entry(503, 'The data directory is in use', 'Stop the process named, or use another data directory.', {
    exit: 69,
    retryable: true,
  }),
  'address-in-use': entry(503, 'The address is taken', 'Stop the process that has it, or set another server.port.', {
    exit: 69,
    retryable: true,
  }),
  'not-connected': entry(
    503,
    'The server cannot be reached',
    'Check the address, the network and that the server runs.',
    down,
  ),
  'access-denied': entry(503, 'The server refused the credentials', 'Check the user, the secret and its rights.', {
    exit: 69,
  }),
  'store-refused': entry(
    503,
    'The database refused a statement of Azud',
    'Correct in the database what the detail names; the events wait in the broker, and Azud tries again by itself.',
    { exit: 69 },
  ),
  'topic-missing': entry(
    503,
    'The broker lacks what Azud needs there',
    'Run azud topology apply, or make it as the detail says, or set auto_declare: true.',
    down,
  ),
  'io-failed': entry(
    503,
    'Reading or writing a file failed',
    'Check the disk; Azud stops and verifies what was written when it starts again.',
    { exit: 74 },
  ),
  'log-damaged': entry(
    503,
    'A sealed part of the log is damaged',
    'Restore the segment named from a copy of the data directory; without one, azud log skip goes on behind it.',
    { exit: 74 },
  ),
  'store-damaged': entry(
    503,
    'The database file is damaged',
    'Azud rebuilds it by itself from a snapshot and the log.',
    { exit: 74, retryable: true },
  ),
  'log-behind': entry(
    503,
    'The database is ahead of the log',
    'The data directory was mixed from two backups: restore both from one.',
    { exit: 74 },
  ),
  'unsafe-setting': entry(
    503,
    'A setting breaks the durability promise',
    'Change the setting, or set allow_unsafe: true.',
    usage,
  ),
  'bad-row': entry(422, 'The store refuses the row', 'Correct the value named and replay the dead letter.'),
} satisfies Record<string, ErrorEntry>);

export type ErrorCode = keyof typeof CATALOGUE;

/**
 * The spelling of a code inside `errors[]` and dead letters: `schema-violation` is written `schema_violation` there.
 * A problem's own code is the last part of a URL, hence the hyphen; a row's code is a value to filter by.
 */
export function rowCode(code: ErrorCode): string {
  return code.replaceAll('-', '_');
}
