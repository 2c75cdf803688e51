import { isUtf8 } from 'node:buffer';
import { AzudError } from '../error/azud-error.ts';
import { QUERY_LIMITS } from '../limits.ts';
import type { SqlQuery } from '../store/driver.ts';
import { readMembers } from './control-body.ts';
import { isJsonObject } from './exact-json.ts';
import { invalidParameter } from './parameters.ts';

/** Text of SQL as it is, RFC 6922. */
export const SQL_TYPE = 'application/sql';
const JSON_TYPE = 'application/json';
const NAME = /^[A-Za-z_]\w{0,62}$/;
const INTEGER = /^-?\d{1,38}$/;

/**
 * The query of a body: SQL as it is, or `{"sql": …, "params": {…}}` whose values are bound, never spliced.
 * @throws AzudError `unsupported-media-type`, `empty-body`, `sql-too-large`, `invalid-utf8`, `invalid-json`, `invalid-parameter`
 */
export function readAdHoc(body: Buffer, contentType: string | undefined): SqlQuery {
  const [type = ''] = (contentType ?? '').toLowerCase().split(';', 1);
  const media = type.trim();
  if (media !== SQL_TYPE && media !== JSON_TYPE) {
    throw new AzudError('unsupported-media-type', `a query cannot be read from ${media.slice(0, 100) || 'no type'}`, {
      hint: `Use ${JSON_TYPE} or ${SQL_TYPE}.`,
    });
  }
  if (media === SQL_TYPE && !isUtf8(body)) throw new AzudError('invalid-utf8', 'the query is not valid UTF-8');
  if (body.length > 8 * QUERY_LIMITS.sqlBytesMax) throw tooLarge(body.length);
  const { sql, params } = media === SQL_TYPE ? { sql: body.toString(), params: undefined } : readJson(body);
  const bytes = Buffer.byteLength(sql);
  if (bytes > QUERY_LIMITS.sqlBytesMax) throw tooLarge(bytes);
  if (sql.trim() === '') throw new AzudError('empty-body', 'there is no query', { hint: 'Send one SELECT.' });
  return { text: sql, params: paramsOf(params) };
}

function readJson(body: Buffer): { sql: string; params: unknown } {
  if (body.length === 0) throw new AzudError('empty-body', 'there is no query', { hint: 'Send one SELECT.' });
  const { sql, params } = readMembers(body, ['sql', 'params']);
  if (typeof sql !== 'string') throw invalidParameter('sql', 'must be text');
  return { sql, params };
}

function paramsOf(params: unknown): SqlQuery['params'] {
  if (params === undefined) return {};
  if (!isJsonObject(params)) throw invalidParameter('params', 'must be an object');
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => {
      if (!NAME.test(name)) throw invalidParameter(name, 'is not the name of a parameter');
      return [name, boundOf(name, value)];
    }),
  );
}

function boundOf(name: string, value: unknown): SqlQuery['params'][string] {
  if (value === null || typeof value === 'string') {
    if (Buffer.byteLength(value ?? '') <= QUERY_LIMITS.paramBytesMax) return { type: 'string', value };
    throw invalidParameter(name, `is longer than ${QUERY_LIMITS.paramBytesMax} bytes`);
  }
  if (typeof value === 'boolean') return { type: 'boolean', value };
  if (typeof value === 'number') return { type: Number.isSafeInteger(value) ? 'integer' : 'number', value };
  // A number that a double would spell anew is carried as its text.
  const text = JSON.stringify(value);
  if (INTEGER.test(text)) return { type: 'integer', value: BigInt(text) };
  if (/^-?\d/.test(text)) return { type: 'number', value: Number(text) };
  throw invalidParameter(name, 'must be text, a number, true, false or null');
}

function tooLarge(bytes: number): AzudError {
  return new AzudError('sql-too-large', `the query has ${bytes} bytes; at most ${QUERY_LIMITS.sqlBytesMax} are taken`);
}
