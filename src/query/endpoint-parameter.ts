import type { RowError } from '../error/azud-error.ts';
import { rowCode } from '../error/catalogue.ts';
import type { ColumnType } from '../event/dataset.ts';
import type { Value } from '../store/driver.ts';
import { expected, parseValue } from './values.ts';

const TYPES = {
  string: 'string',
  integer: 'integer',
  number: 'number',
  boolean: 'boolean',
  date: 'date',
  'date-time': 'timestamp',
} as const satisfies Record<string, ColumnType>;

export type ParameterType = keyof typeof TYPES;

/** A parameter as `azud.yaml` declares it. */
export interface ParameterDeclaration {
  readonly type: ParameterType;
  /** string: a regular expression that some part of the value matches. */
  readonly pattern?: string;
  readonly enum?: readonly (string | number | boolean)[];
  /** integer and number. */
  readonly minimum?: number;
  readonly maximum?: number;
  /** string: characters. */
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly required?: boolean;
  readonly default?: string | number | boolean;
}

/** A parameter of an endpoint, checked. */
export interface EndpointParameter {
  readonly type: ColumnType;
  readonly required: boolean;
  /** Bound when the parameter is not given; null without a default. */
  readonly fallback: Value;
  readonly declaration: ParameterDeclaration;
  /** The value of a text, or what it must be instead. */
  readonly parse: (text: string) => { readonly value: Value } | { readonly expected: string };
}

/** Integers that SQL takes as a parameter: BIGINT. */
const INT64_MAX = 2n ** 63n - 1n;

/** Mistakes are pushed to `errors` with their path. */
export function compileParameter(at: string, declaration: ParameterDeclaration, errors: RowError[]): EndpointParameter {
  const fail = (where: string, message: string) =>
    errors.push({ path: at + where, code: rowCode('invalid-config'), message });
  const type: ColumnType | undefined = TYPES[declaration.type];
  if (type === undefined) fail('/type', `must be one of ${Object.keys(TYPES).join(', ')}`);
  for (const name of misplaced(declaration)) fail(`/${name}`, `means nothing for the type ${declaration.type}`);
  const pattern = compilePattern(declaration.pattern);
  if (pattern === null) fail('/pattern', 'is not a regular expression');
  const parse = parser(type ?? 'string', declaration, pattern ?? undefined);
  for (const value of declaration.enum ?? []) {
    if (parseValue(type ?? 'string', String(value)) === undefined)
      fail('/enum', `${value} is not ${expected(type ?? 'string')}`);
  }
  let fallback: Value = null;
  if (declaration.default !== undefined) {
    if (declaration.required) fail('/default', 'a required parameter has no default');
    const parsed = parse(String(declaration.default));
    if ('expected' in parsed) fail('/default', `must be ${parsed.expected}`);
    else fallback = parsed.value;
  }
  return { type: type ?? 'string', required: declaration.required ?? false, fallback, declaration, parse };
}

function misplaced(declaration: ParameterDeclaration): readonly string[] {
  const text = declaration.type === 'string';
  const numeric = declaration.type === 'integer' || declaration.type === 'number';
  const wrong = [...(text ? [] : ['pattern', 'minLength', 'maxLength']), ...(numeric ? [] : ['minimum', 'maximum'])];
  return wrong.filter((name) => name in declaration);
}

/** Undefined without a pattern, null when it is none. */
function compilePattern(pattern: string | undefined): RegExp | undefined | null {
  if (pattern === undefined) return undefined;
  try {
    return new RegExp(pattern, 'u');
  } catch {
    return null;
  }
}

function parser(
  type: ColumnType,
  declaration: ParameterDeclaration,
  pattern: RegExp | undefined,
): EndpointParameter['parse'] {
  const { minimum, maximum, minLength, maxLength } = declaration;
  const allowed = declaration.enum && new Set(declaration.enum.map((value) => parseValue(type, String(value))));
  return (text) => {
    const value = parseValue(type, text);
    if (value === undefined) return { expected: expected(type) };
    if (type === 'integer' && !fitsInt64(BigInt(value as number | bigint)))
      return { expected: 'a whole number of 64 bits' };
    if (allowed && !allowed.has(value)) return { expected: `one of ${[...allowed].join(', ')}` };
    if (minimum !== undefined && Number(value) < minimum) return { expected: `at least ${minimum}` };
    if (maximum !== undefined && Number(value) > maximum) return { expected: `at most ${maximum}` };
    const length = minLength === undefined && maxLength === undefined ? 0 : [...text].length;
    if (minLength !== undefined && length < minLength) return { expected: `at least ${minLength} characters` };
    if (maxLength !== undefined && length > maxLength) return { expected: `at most ${maxLength} characters` };
    if (pattern && !pattern.test(text)) return { expected: `text that matches ${pattern.source}` };
    return { value };
  };
}

function fitsInt64(value: bigint): boolean {
  return value <= INT64_MAX && value >= -INT64_MAX - 1n;
}
