import { isObject } from './columns.ts';
import type { Column, JsonSchema } from './dataset.ts';
import { KIND } from './json/number.ts';
import type { JsonScanner } from './json/scanner.ts';
import { compileRules, type Rules } from './plain-rules.ts';

const { STRING, ESCAPED, INTEGER, FLOAT, BOOLEAN, NULL, OBJECT, ARRAY } = KIND;
const STRINGS = STRING | ESCAPED;
const NUMBERS = INTEGER | FLOAT;
const ANY = STRINGS | NUMBERS | BOOLEAN | NULL | OBJECT | ARRAY;

const KINDS_OF_TYPE: Readonly<Record<string, number>> = {
  string: STRINGS,
  integer: INTEGER,
  number: NUMBERS,
  boolean: BOOLEAN,
  null: NULL,
  object: OBJECT,
  array: ARRAY,
};

/** Say nothing about which values are valid. */
const ANNOTATIONS = ['title', 'description', '$comment', 'examples', 'default', 'deprecated', 'readOnly', 'writeOnly'];
const ROOT_KEYWORDS = new Set([
  ...ANNOTATIONS,
  '$schema',
  '$id',
  '$defs',
  'type',
  'properties',
  'required',
  'additionalProperties',
]);
const PROPERTY_KEYWORDS = new Set([...ANNOTATIONS, 'type']);

/**
 * Says yes to most events that fit, from what the scanner saw and without `JSON.parse`. It never says yes to an event
 * that Ajv would refuse (a property test holds the two together); "not sure" sends the event to Ajv, which alone says no.
 */
export interface PlainCheck {
  fits(bytes: Buffer, scanner: JsonScanner): boolean;
}

/** Null when the schema uses keywords at its root that this check does not know. */
export function compilePlainCheck(schema: JsonSchema, columns: readonly Column[]): PlainCheck | null {
  if (Object.keys(schema).some((keyword) => !ROOT_KEYWORDS.has(keyword))) return null;
  const { type, properties, required, additionalProperties = true } = schema;
  if ((type !== undefined && type !== 'object') || typeof additionalProperties !== 'boolean') return null;
  if (!isObject(properties)) return null;
  const requiredNames: readonly unknown[] = Array.isArray(required) ? required : [];
  const names = columns.map((column) => column.name);
  if (requiredNames.some((name) => !names.includes(String(name)))) return null;
  const mustStand = columns.map((column) => requiredNames.includes(column.name));
  const checks = columns.map((column) => compileProperty(properties[column.name]));
  const masks = Uint16Array.from(checks, (check) => check.kinds);
  const stringRules = checks.map((check) => check.strings);
  const numberRules = checks.map((check) => check.numbers);

  return {
    fits(bytes, scanner) {
      if (scanner.undeclared && !additionalProperties) return false;
      const { kinds, starts, ends } = scanner;
      for (let i = 0; i < masks.length; i++) {
        const kind = kinds[i] as number;
        if (kind === 0) {
          if (mustStand[i]) return false;
          continue;
        }
        if (((masks[i] as number) & kind) === 0) return false;
        const rule = kind === STRING ? stringRules[i] : (kind & NUMBERS) !== 0 ? numberRules[i] : null;
        if (rule && !rule(bytes, starts[i] as number, ends[i] as number, kind)) return false;
      }
      return true;
    },
  };
}

const NOT_SURE: Rules = { kinds: 0, strings: null, numbers: null };

/** Its `kinds` are those that may fit; any other is not sure. */
function compileProperty(schema: unknown): Rules {
  if (schema === true) return { kinds: ANY, strings: null, numbers: null };
  if (!isObject(schema)) return NOT_SURE;
  const nullable = nullableBranch(schema);
  if (nullable !== undefined) {
    const inner = compileProperty(nullable);
    return { ...inner, kinds: inner.kinds === 0 ? 0 : inner.kinds | NULL };
  }
  const named = schema.type === undefined ? Object.keys(KINDS_OF_TYPE) : [schema.type].flat();
  const kinds = named.reduce<number>((mask, name) => mask | (KINDS_OF_TYPE[String(name)] ?? 0), 0);
  const keywords = Object.keys(schema).filter((keyword) => !PROPERTY_KEYWORDS.has(keyword));
  if (keywords.length === 0) return { kinds, strings: null, numbers: null };
  const rules = compileRules(schema, keywords);
  return rules ? { ...rules, kinds: kinds & rules.kinds } : NOT_SURE;
}

/** The X of `anyOf: [X, { type: 'null' }]`, which many generators write for a value that may be null. */
function nullableBranch(schema: Readonly<Record<string, unknown>>): unknown {
  const { anyOf } = schema;
  const alone = Object.keys(schema).every((keyword) => keyword === 'anyOf' || ANNOTATIONS.includes(keyword));
  if (!alone || !Array.isArray(anyOf) || anyOf.length !== 2) return undefined;
  const others = anyOf.filter(
    (branch) => !isObject(branch) || branch.type !== 'null' || Object.keys(branch).length > 1,
  );
  return others.length === 1 ? others[0] : undefined;
}
