import { isAzudError, type RowError } from '../error/azud-error.ts';
import { rowCode } from '../error/catalogue.ts';
import type { ColumnType } from '../event/dataset.ts';
import { compilePattern } from '../event/pattern.ts';
import { inTime } from '../event/watch.ts';
import type { Value } from '../store/driver.ts';
import type { ParameterDeclaration, ParameterType } from './config.ts';
import { expected, parseValue } from './values.ts';

const TYPES: Readonly<Record<ParameterType, ColumnType>> = {
  string: 'string',
  integer: 'integer',
  number: 'number',
  boolean: 'boolean',
  date: 'date',
  timestamp: 'timestamp',
  'date-time': 'timestamp',
};

type Scalar = NonNullable<Value>;

/** A parameter of an endpoint, checked. */
export interface EndpointParameter {
  readonly type: ColumnType;
  readonly required: boolean;
  /** Bound when the parameter is not given; null without a default. */
  readonly fallback: Value;
  readonly declaration: ParameterDeclaration;
  /** The value of a text, or what it must be instead. */
  readonly parse: (text: string) => Parsed;
}

type Parsed = { readonly value: Scalar } | { readonly expected: string };

/** One thing a value must be. */
interface Rule {
  readonly holds: (value: Scalar, text: string) => boolean;
  readonly expected: string;
}

/** Integers that SQL takes as a parameter: BIGINT. */
const INT64_MAX = 2n ** 63n - 1n;

/** Mistakes are pushed to `errors` with their path, which begins with `at`. */
export function compileParameter(at: string, declaration: ParameterDeclaration, errors: RowError[]): EndpointParameter {
  const fail = (key: string, message: string) =>
    void errors.push({ path: `${at}/${key}`, code: rowCode('invalid-config'), message });
  const type: ColumnType | undefined = TYPES[declaration.type];
  if (type === undefined) fail('type', `must be one of ${Object.keys(TYPES).join(', ')}`);
  const rules = type === undefined ? [] : rulesOf(type, declaration, fail);
  const parse = (text: string): Parsed => {
    const value = parseValue(type ?? 'string', text) ?? null;
    if (value === null) return { expected: expected(type ?? 'string') };
    const broken = rules.find(({ holds }) => !holds(value, text));
    return broken ? { expected: broken.expected } : { value };
  };
  const required = declaration.required ?? false;
  let fallback: Value = null;
  if (isGiven(declaration.default)) {
    const parsed = parse(String(declaration.default));
    if (isRounded(type, declaration.default)) fail('default', ROUNDED);
    if (required) fail('default', 'means nothing: the parameter is required');
    if ('expected' in parsed) fail('default', `must be ${parsed.expected}`);
    else fallback = parsed.value;
  }
  return { type: type ?? 'string', required, fallback, declaration, parse };
}

const ROUNDED = 'is beyond 2^53, where YAML rounds: write it in quotes';

function isRounded(type: ColumnType | undefined, written: unknown): boolean {
  return type === 'integer' && Number.isInteger(written) && !Number.isSafeInteger(written);
}

type Fail = (key: string, message: string) => void;

function rulesOf(type: ColumnType, declaration: ParameterDeclaration, fail: Fail): readonly Rule[] {
  const integer: Rule = { holds: (value) => isInt64(value as number | bigint), expected: 'a whole number of 64 bits' };
  return [
    ...(type === 'integer' ? [integer] : []),
    ...boundRules(type, declaration, fail),
    ...textRules(type, declaration, fail),
  ];
}

function boundRules(type: ColumnType, { enum: values, minimum, maximum }: ParameterDeclaration, fail: Fail): Rule[] {
  const rules: Rule[] = [];
  const literal = (key: string, written: unknown): Scalar | null => {
    const value = parseValue(type, String(written)) ?? null;
    if (value === null) fail(key, `must be ${expected(type)}`);
    if (isRounded(type, written)) fail(key, ROUNDED);
    return value;
  };
  if (isGiven(values)) {
    const allowed = new Set(values.map((written) => literal('enum', written)));
    rules.push({ holds: (value) => allowed.has(value), expected: `one of ${values.join(', ')}` });
  }
  const ordered = type !== 'string' && type !== 'boolean';
  const bounds: Scalar[] = [];
  for (const [key, written] of Object.entries({ minimum, maximum })) {
    if (!isGiven(written)) continue;
    if (!ordered) fail(key, `means nothing for the type ${type}`);
    const bound = ordered ? literal(key, written) : null;
    if (bound === null) continue;
    bounds.push(sortable(bound));
    const least = key === 'minimum';
    rules.push({
      holds: (value) => (least ? sortable(value) >= sortable(bound) : sortable(value) <= sortable(bound)),
      expected: `at ${least ? 'least' : 'most'} ${bound}`,
    });
  }
  const [least, most = least] = bounds;
  if (least !== undefined && most !== undefined && least > most) fail('maximum', 'is below the minimum: nothing fits');
  return rules;
}

function textRules(type: ColumnType, declaration: ParameterDeclaration, fail: Fail): Rule[] {
  const { pattern, minLength, maxLength } = declaration;
  const rules: Rule[] = [];
  for (const [key, given] of Object.entries({ pattern, minLength, maxLength })) {
    if (isGiven(given) && type !== 'string') fail(key, `means nothing for the type ${type}`);
  }
  if (isGiven(minLength)) {
    rules.push({ holds: (_, text) => [...text].length >= minLength, expected: `at least ${minLength} characters` });
  }
  if (isGiven(minLength) && isGiven(maxLength) && minLength > maxLength) {
    fail('maxLength', 'is below minLength: nothing fits');
  }
  if (isGiven(maxLength)) {
    rules.push({ holds: (_, text) => [...text].length <= maxLength, expected: `at most ${maxLength} characters` });
  }
  if (isGiven(pattern)) {
    const matches = matcherOf(pattern);
    if (matches) rules.push({ holds: (_, text) => matches(text), expected: `text that matches ${pattern}` });
    else fail('pattern', 'is not a regular expression');
  }
  return rules;
}

function isGiven<T>(value: T): value is NonNullable<T> {
  return value !== null && value !== undefined;
}

/** Null when it is none. A text that takes too long to be matched does not match. */
function matcherOf(source: string): ((text: string) => boolean) | null {
  try {
    const pattern = compilePattern(source);
    return (text) => {
      try {
        return inTime(() => pattern.test(text));
      } catch (error) {
        if (isAzudError(error, 'too-large')) return false;
        throw error;
      }
    };
  } catch {
    return null;
  }
}

/** Times sort as text once the `Z` is gone: with it, a time with microseconds would sort before the same without. */
function sortable(value: Scalar): Scalar {
  return typeof value === 'string' ? value.replace(/Z$/, '') : value;
}

function isInt64(value: number | bigint): boolean {
  return value <= INT64_MAX && value >= -INT64_MAX - 1n;
}
