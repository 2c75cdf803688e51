import { AzudError } from '../error/azud-error.ts';
import { didYouMean } from '../lib/nearest.ts';
import { QUERY_LIMITS } from '../limits.ts';

/** Query parameters as they came, in order; `URLSearchParams` is one. */
export type SearchParams = Iterable<readonly [string, string]>;

/** A 400 that names the parameter. */
export function invalidParameter(name: string, what: string): AzudError {
  // A hostile name may be long, and stands in the answer and the log.
  const shown = name.length > 100 ? `${name.slice(0, 100)}…` : name;
  return new AzudError('invalid-parameter', `${JSON.stringify(shown)} ${what}`, { path: shown });
}

/** One 400 for a name that is none of these. */
export function unknownParameter(name: string, known: Iterable<string>): AzudError {
  return invalidParameter(name, `is not a parameter here${didYouMean(name.slice(0, 100), known)}`);
}

export function checkSize(name: string, value: string): void {
  if (Buffer.byteLength(value) > QUERY_LIMITS.paramBytesMax) {
    throw invalidParameter(name, `is longer than ${QUERY_LIMITS.paramBytesMax} bytes`);
  }
}

/**
 * The parameters by name, each given at most once and none but the known ones.
 * @throws AzudError `invalid-parameter`
 */
export function readOnce(params: SearchParams, known: ReadonlySet<string>): ReadonlyMap<string, string> {
  const read = new Map<string, string>();
  for (const [name, value] of params) {
    if (!known.has(name)) throw unknownParameter(name, known);
    if (read.has(name)) throw invalidParameter(name, 'is given more than once');
    checkSize(name, value);
    read.set(name, value);
  }
  return read;
}

/** @throws AzudError `invalid-parameter` unless the text is a whole number from 1 to `max` */
export function readLimit(text: string | undefined, fallback: number, max: number): number {
  if (text === undefined) return fallback;
  const limit = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > max) throw invalidParameter('limit', `must be a whole number from 1 to ${max}`);
  return limit;
}
