import { Ajv2020, type ErrorObject, type Options, type ValidateFunction } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { messageOf, type RowError } from '../error/azud-error.ts';
import { didYouMean } from '../lib/nearest.ts';
import { configError, isObject } from './columns.ts';
import type { JsonSchema } from './dataset.ts';
import { isDate, isDateTime, isDecimal, isUuid } from './formats.ts';
import { compilePattern } from './pattern.ts';
import { pointer } from './pointer.ts';

/**
 * That of ajv-formats without its backtracking: credentials are `\S+` whatever colons they hold, and where no white space
 * stands every path ends well.
 */
const URL_PATTERN = new RegExp((fullFormats.url as RegExp).source.replace('(?:\\S+(?::\\S*)?@)?', '(?:\\S+@)?'), 'iu');
const isUrl = (text: string): boolean => !/\s/u.test(text) && URL_PATTERN.test(text);

/** Every format that a schema may name. Those that become column types are ours, the rest are those of ajv-formats. */
export const FORMATS = {
  ...fullFormats,
  'date-time': isDateTime,
  date: isDate,
  uuid: isUuid,
  decimal: isDecimal,
  url: isUrl,
};

const OPTIONS: Options = {
  allErrors: true,
  // The values of an event stand in the messages.
  verbose: true,
  allowUnionTypes: true,
  strictTypes: false,
  // A property named `toString` is data: only own properties count.
  ownProperties: true,
  formats: FORMATS,
  logger: false,
};

/** Checks schemas themselves. Shared, for it compiles the meta-schema (50 ms) when it is first asked. */
const SCHEMA_CHECKER = new Ajv2020(OPTIONS);

/**
 * Checks a JSON Schema 2020-12 as a declaration has it. Mistakes are pushed to `errors` with their JSON Pointer in the
 * declaration.
 */
export function checkSchema(schema: JsonSchema, errors: RowError[]): void {
  const before = errors.length;
  findUnknownWords(schema, '/schema', errors);
  const told = errors.slice(before);
  try {
    if (SCHEMA_CHECKER.validateSchema(schema) !== true) {
      for (const error of SCHEMA_CHECKER.errors ?? []) {
        const path = `/schema${error.instancePath}`;
        // What is told of already, at this place or below it, is told in better words.
        if (told.some((known) => known.path === path || known.path.startsWith(`${path}/`))) continue;
        errors.push(configError(path, error.message ?? 'is not valid'));
      }
    }
    if (errors.length === before) compileSchema(schema);
  } catch (error) {
    errors.push(configError('/schema', messageOf(error)));
  }
}

/**
 * Compiles a schema that was checked: to check it again would cost the first event of a process 50 ms, and seconds where
 * cores are busy. References stay inside the document. What is compiled runs inside of `inTime`.
 * @throws Error that of Ajv, for a schema that `checkSchema` refuses
 */
export function compileSchema(schema: JsonSchema): ValidateFunction {
  // One compiler a schema, so that the `$id`s of two datasets cannot meet.
  return newCompiler().compile(schema);
}

function newCompiler(): Ajv2020 {
  const regExp = Object.assign((source: string) => compilePattern(source), { code: 'patterns' });
  const compiler = new Ajv2020({ ...OPTIONS, validateSchema: false, code: { regExp } });
  // Ajv compares every item with every other: 256 KiB of objects take it half a minute.
  compiler.removeKeyword('uniqueItems');
  return compiler.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    validate: checkUnique,
    errors: true,
  });
}

const checkUnique: { (unique: boolean, items: readonly unknown[]): boolean; errors?: Partial<ErrorObject>[] } = (
  unique,
  items,
) => {
  if (!unique) return true;
  const first = new Map<string, number>();
  for (const [j, item] of items.entries()) {
    const text = canonical(item);
    const i = first.get(text);
    if (i !== undefined) {
      checkUnique.errors = [{ keyword: 'uniqueItems', params: { i, j }, message: 'must NOT have duplicate items' }];
      return false;
    }
    first.set(text, j);
  }
  return true;
};

/** The same text for values that are equal as JSON. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

/** Keywords whose value is data, not a schema: `format` in them means nothing. */
const DATA_KEYWORDS = new Set(['const', 'enum', 'default', 'examples']);

/** Keywords whose members are named by the user, each with a schema of its own. */
const NAMING_KEYWORDS = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);

const TYPES = ['string', 'integer', 'number', 'boolean', 'object', 'array', 'null'];

/** A word that JSON Schema does not know would mean nothing without a word said. */
function findUnknownWords(schema: unknown, path: string, errors: RowError[]): void {
  if (Array.isArray(schema)) {
    for (const [i, item] of schema.entries()) findUnknownWords(item, path + pointer(i), errors);
  }
  if (!isObject(schema)) return;
  const { format, type } = schema;
  for (const [place, word] of typeWords(type)) {
    if (TYPES.includes(word)) continue;
    const known = didYouMean(word, TYPES) || `: ${TYPES.join(', ')}`;
    errors.push(configError(`${path}/type${place}`, `"${word}" is not a type of JSON Schema${known}`));
  }
  if (typeof format === 'string' && !Object.hasOwn(FORMATS, format)) {
    errors.push(configError(`${path}/format`, `"${format}" is not a known format: ${Object.keys(FORMATS).join(', ')}`));
  }
  const { keywords } = SCHEMA_CHECKER.RULES;
  for (const [keyword, inner] of Object.entries(schema)) {
    const place = path + pointer(keyword);
    if (!Object.hasOwn(keywords, keyword)) {
      const known = didYouMean(keyword, Object.keys(keywords));
      errors.push(configError(place, `"${keyword}" is not a keyword of JSON Schema${known}`));
    } else if (NAMING_KEYWORDS.has(keyword) && isObject(inner)) {
      for (const [name, own] of Object.entries(inner)) findUnknownWords(own, place + pointer(name), errors);
    } else if (!DATA_KEYWORDS.has(keyword)) {
      findUnknownWords(inner, place, errors);
    }
  }
}

/** One type, or several, each with its place. */
function typeWords(type: unknown): readonly (readonly [place: string, word: string])[] {
  if (typeof type === 'string') return [['', type]];
  if (!Array.isArray(type)) return [];
  return type.flatMap((word, i) => (typeof word === 'string' ? [[pointer(i), word] as const] : []));
}
