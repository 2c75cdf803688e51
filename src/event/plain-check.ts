import { isObject } from './columns.ts';
import type { Column, JsonSchema } from './dataset.ts';
import { KIND } from './json/number.ts';
import type { Found, JsonScanner } from './json/scanner.ts';
import { compileRules, type Rule, type Rules, type Said } from './plain-rules.ts';
import { branches } from './recursion.ts';
import { compileSchema } from './schema.ts';
import { spend } from './watch.ts';

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
  /** Does what was found of one column fit? */
  fitsAt(bytes: Buffer, found: Found, column: number): boolean;
  /** Of each column what `fits` asks of it, as far as it can be said without a function. */
  readonly columns: readonly PlainColumn[];
  /** Whatever is not declared is taken. */
  readonly takesExtras: boolean;
}

export interface PlainColumn {
  readonly name: string;
  readonly required: boolean;
  /** Kinds that may fit. */
  readonly kinds: number;
  /** Null: `fitsAt` must be asked. */
  readonly said: Said | null;
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
  const checks = columns.map(({ name }) => {
    const check = compileProperty(properties[name]);
    return check.kinds === 0 ? compileAlone(properties[name], schema) : check;
  });
  const masks = Uint16Array.from(checks, (check) => check.kinds);
  const stringRules = checks.map((check) => check.strings);
  const numberRules = checks.map((check) => check.numbers);
  const otherRules = checks.map((check) => check.others);

  const fitsAt = (bytes: Buffer, { kinds, starts, ends }: Found, i: number): boolean => {
    const kind = kinds[i] as number;
    if (kind === 0) return !mustStand[i];
    if (((masks[i] as number) & kind) === 0) return false;
    const rule = kind === STRING ? stringRules[i] : (kind & NUMBERS) !== 0 ? numberRules[i] : otherRules[i];
    return !rule || rule(bytes, starts[i] as number, ends[i] as number, kind);
  };

  return {
    fits(bytes, scanner) {
      if (scanner.undeclared && !additionalProperties) return false;
      for (let i = 0; i < masks.length; i++) if (!fitsAt(bytes, scanner, i)) return false;
      return true;
    },
    fitsAt,
    takesExtras: additionalProperties,
    columns: checks.map(({ kinds, said }, i) => ({
      name: names[i] as string,
      required: mustStand[i] as boolean,
      kinds,
      said,
    })),
  };
}

const ANYTHING: Rules = { kinds: ANY, strings: null, numbers: null, others: null, said: {} };
const NOT_SURE: Rules = { ...ANYTHING, kinds: 0 };

/** Its `kinds` are those that may fit; any other is not sure. */
function compileProperty(schema: unknown): Rules {
  if (schema === true) return ANYTHING;
  if (!isObject(schema)) return NOT_SURE;
  const nullable = nullableBranch(schema);
  if (nullable !== undefined) {
    const inner = compileProperty(nullable);
    return { ...inner, kinds: inner.kinds === 0 ? 0 : inner.kinds | NULL };
  }
  const named = schema.type === undefined ? Object.keys(KINDS_OF_TYPE) : [schema.type].flat();
  const kinds = named.reduce<number>((mask, name) => mask | (KINDS_OF_TYPE[String(name)] ?? 0), 0);
  const keywords = Object.keys(schema).filter((keyword) => !PROPERTY_KEYWORDS.has(keyword));
  if (keywords.length === 0) return { ...ANYTHING, kinds };
  const rules = compileRules(schema, keywords);
  return rules ? { ...rules, kinds: kinds & rules.kinds } : NOT_SURE;
}

/** Kinds that mean to Ajv, after a parse, what they mean to the column: no number that parsing may round. */
const PARSED_KINDS = STRINGS | INTEGER | BOOLEAN | NULL | OBJECT | ARRAY;

/** A property that only Ajv knows is parsed and checked alone: the rest of the event is spared. */
function compileAlone(property: unknown, root: JsonSchema): Rules {
  const apart =
    isObject(property) && property.$defs === undefined && property.$id === undefined && root.$id === undefined;
  if (!apart || pointsElsewhere([property, root.$defs])) return NOT_SURE;
  const alone = { ...property, ...(root.$defs !== undefined && { $defs: root.$defs }) };
  const validate = compileSchema(alone);
  const steps = branches(alone) ? Infinity : 0;
  const rule: Rule = (bytes, from, to) => {
    spend(steps);
    return validate(JSON.parse(bytes.toString('utf8', from, to)));
  };
  return { kinds: PARSED_KINDS, strings: rule, numbers: rule, others: rule, said: null };
}

/** Is there a reference that would mean another place when the property stands alone with the `$defs`? */
function pointsElsewhere(schemas: readonly unknown[]): boolean {
  return /"\$(?:ref|dynamicRef|anchor|dynamicAnchor)":"(?!#\/\$defs\/)/.test(JSON.stringify(schemas));
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
