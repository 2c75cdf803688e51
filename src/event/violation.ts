import type { ErrorObject } from 'ajv/dist/2020.js';
import type { RowError } from '../error/azud-error.ts';
import { pointer } from './pointer.ts';

/** Characters of input shown in a message: enough to find the value, too few to leak a body into a log. */
const SHOWN_MAX = 60;
const PATH_SHOWN_MAX = 100;

const ARTICLES: Readonly<Record<string, string>> = {
  string: 'a string',
  integer: 'an integer',
  number: 'a number',
  boolean: 'true or false',
  object: 'an object',
  array: 'an array',
  null: 'null',
};

const EXAMPLES: Readonly<Record<string, string>> = {
  'date-time': 'a time such as 2026-01-31T08:00:00Z, at most to the microsecond',
  date: 'a day such as 2026-01-31',
  uuid: 'a UUID',
  decimal: 'a decimal number in a string, such as "12.50", of at most 20 digits before and 18 after the point',
};

/** One of Ajv's errors as a sentence that says what was wrong and what came: `/delay must be an integer, got "12m"`. */
export function violation(error: ErrorObject): RowError {
  const path = error.instancePath + pathBelow(error);
  return {
    path,
    code: 'schema_violation',
    message: `${path.slice(0, PATH_SHOWN_MAX) || 'the event'} ${complaint(error)}`,
  };
}

function pathBelow({ keyword, params }: ErrorObject): string {
  if (keyword === 'required' || keyword === 'dependentRequired')
    return pointer(String(params.missingProperty).slice(0, SHOWN_MAX));
  if (keyword === 'additionalProperties') return pointer(String(params.additionalProperty).slice(0, SHOWN_MAX));
  if (keyword === 'unevaluatedProperties') return pointer(String(params.unevaluatedProperty).slice(0, SHOWN_MAX));
  return '';
}

function complaint({ keyword, params, message, data, schema }: ErrorObject): string {
  switch (keyword) {
    case 'required':
    case 'dependentRequired':
      return 'is missing';
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return 'is not a property of the schema';
    case 'type':
      return `must be ${[params.type]
        .flat()
        .map((type) => ARTICLES[type] ?? type)
        .join(' or ')}, got ${shown(data)}`;
    case 'format':
      return `must be ${EXAMPLES[params.format] ?? `a valid ${params.format}`}, got ${shown(data)}`;
    case 'enum':
      return `must be one of ${list(params.allowedValues)}, got ${shown(data)}`;
    case 'const':
      return `must be ${shown(params.allowedValue)}, got ${shown(data)}`;
    case 'pattern':
      return `must match ${shown(params.pattern)}, got ${shown(data)}`;
    case 'minLength':
      return `must have at least ${schema} characters, got ${shown(data)}`;
    case 'maxLength':
      return `must have at most ${schema} characters, got ${shown(data)}`;
    case 'false schema':
      return 'must not be there';
    default:
      return `${message ?? `breaks ${keyword}`}, got ${shown(data)}`;
  }
}

function list(values: readonly unknown[]): string {
  const first = values.slice(0, 10).map(shown).join(', ');
  return values.length > 10 ? `${first} …` : first;
}

/** A value as JSON, cut short; of an object or an array only the kind. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  return value.length > SHOWN_MAX ? `${JSON.stringify(value.slice(0, SHOWN_MAX))}…` : JSON.stringify(value);
}
