import { AzudError, isAzudError, messageOf } from '../../error/azud-error.ts';
import type { ErrorCode } from '../../error/catalogue.ts';

/** DuckDB says what went wrong in words only; the first pattern that fits gives the code. */
const PATTERNS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/^FATAL|database has been invalidated|checksum|^Corrupt|Serialization Error/i, 'store-damaged'],
  [/No space left|ENOSPC|max_temp_directory_size/i, 'storage-full'],
  [/Could not set lock|Conflicting lock/i, 'locked'],
  [/^INTERRUPT/i, 'query-timeout'],
  [/^Out of Memory/i, 'query-memory'],
  [/^IO Error/i, 'io-failed'],
  [/^(Conversion|Invalid Input|Out of Range)/i, 'bad-row'],
];

/** Our error for one of DuckDB's. What stays unknown is `io-failed`: the outcome is unknown too. */
export function classify(error: unknown, what: string): AzudError {
  if (isAzudError(error)) return error;
  const message = messageOf(error);
  const code = PATTERNS.find(([pattern]) => pattern.test(message))?.[1] ?? 'io-failed';
  return new AzudError(code, `${what}: ${firstLine(message)}`, { cause: error });
}

/** What the work fails with; null: it does not. */
export function failureOf(work: Promise<unknown>, what: string): Promise<AzudError | null> {
  return work.then(
    () => null,
    (error: unknown) => classify(error, what),
  );
}

/** For a query of a user's: whatever is not about the machine is about the query. */
export function classifyQuery(error: unknown, what: string): AzudError {
  const known = classify(error, what);
  // Also the room on disk that a query may have: the disk itself may be far from full.
  if (!isAzudError(error) && /^Out of Memory/i.test(messageOf(error))) {
    return new AzudError('query-memory', known.message, { cause: error });
  }
  const about: readonly ErrorCode[] = ['store-damaged', 'storage-full', 'query-timeout', 'query-memory'];
  if (isAzudError(error) || about.includes(known.code)) return known;
  return new AzudError('sql-failed', firstLine(messageOf(error)), { cause: error });
}

function firstLine(message: string): string {
  return (message.split('\n', 1)[0] ?? '').slice(0, 500);
}
