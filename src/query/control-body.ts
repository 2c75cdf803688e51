import { isUtf8 } from 'node:buffer';
import { AzudError } from '../error/azud-error.ts';
import { JsonScanner } from '../event/json/scanner.ts';
import { didYouMean } from '../lib/nearest.ts';
import { JSON_LIMITS } from '../limits.ts';
import { isJsonObject, parseExact } from './exact-json.ts';
import { invalidParameter } from './parameters.ts';

/** The members of a control request's body, numbers as they stood. @throws AzudError `invalid-json`, `invalid-parameter` */
export function readMembers(body: Buffer, names: readonly string[]): Readonly<Record<string, unknown>> {
  readObject(body, names);
  return parseExact(body.toString()) as Readonly<Record<string, unknown>>;
}

/** Scans a body that must be one JSON object with none but these members. */
export function readObject(body: Buffer, names: readonly string[]): JsonScanner {
  if (body.length === 0) throw new AzudError('empty-body', 'the body is empty', { hint: 'Send a JSON object.' });
  if (!isUtf8(body)) throw new AzudError('invalid-utf8', 'the body is not valid UTF-8');
  // One level more than an event: the body wraps it.
  const scanner = new JsonScanner(names, { reservesUnderscore: false, depthMax: JSON_LIMITS.depthMax + 1 });
  scanner.expectEnd(body, scanner.read(body, 0, body.length), body.length);
  if (scanner.fault) throw scanner.fault;
  const parsed: unknown = JSON.parse(body.toString());
  if (!isJsonObject(parsed)) throw invalidParameter('body', 'must be a JSON object');
  const unknown = Object.keys(parsed).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw invalidParameter(unknown, `is not a member here${didYouMean(unknown.slice(0, 100), names)}`);
  return scanner;
}
