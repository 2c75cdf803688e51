import type { Column } from '../event/dataset.ts';
import type { Condition, ConditionOperator, Value } from '../store/driver.ts';
import { checkSize, invalidParameter } from './parameters.ts';
import { expected, parseValue } from './values.ts';

const OPERATORS: ReadonlySet<string> = new Set(['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'in', 'like', 'is']);
const IS_VALUES: ReadonlyMap<string, Value> = new Map([
  ['null', null],
  ['true', true],
  ['false', false],
]);
/** What a value without an order can be asked. */
const UNORDERED: ReadonlySet<string> = new Set(['eq', 'ne', 'in', 'is']);

/** True when the text has the form of a filter, `gte.12`. */
export function isFilter(text: string): boolean {
  return OPERATORS.has(text.slice(0, text.indexOf('.')));
}

/**
 * A filter `{column}={op}.{value}`. `in` takes a list, `in.SCL,PMC` or `in.(SCL,PMC)`, where a value that holds a comma
 * stands in double quotes; `is` takes null, true or false.
 * @throws AzudError `invalid-parameter` naming the column
 */
export function parseFilter(column: Column, text: string): Condition {
  const { name, type } = column;
  checkSize(name, text);
  const dot = text.indexOf('.');
  const operator = text.slice(0, dot);
  if (dot < 0 || !isOperator(operator)) {
    throw invalidParameter(
      name,
      `needs an operator before the value: ${[...OPERATORS].join(', ')}, as in ${name}=eq.1`,
    );
  }
  if ((type === 'json' || type === 'boolean') && !UNORDERED.has(operator)) {
    throw invalidParameter(name, `holds ${type}, which cannot be compared with ${operator}`);
  }
  return { column: name, operator, value: operand(column, operator, text.slice(dot + 1)) };
}

function operand(column: Column, operator: ConditionOperator, text: string): Value | readonly Value[] {
  if (operator === 'in') return listOf(column.name, text).map((item) => single(column, item));
  if (operator === 'is') {
    const value = IS_VALUES.get(text);
    if (value === undefined) throw invalidParameter(column.name, 'takes is.null, is.true or is.false');
    if (value !== null && column.type !== 'boolean') throw invalidParameter(column.name, 'is not boolean: use is.null');
    return value;
  }
  if (operator === 'like' && column.type !== 'string')
    throw invalidParameter(column.name, 'is not text: like needs text');
  return single(column, text);
}

function single(column: Column, text: string): Value {
  const value = parseValue(column.type, text);
  if (value === undefined) throw invalidParameter(column.name, `must be ${expected(column.type)}`);
  return value;
}

/** `a,b` or `(a,b)`; `"x,y"` is one value, `""` inside quotes one quote. */
function listOf(name: string, text: string): readonly string[] {
  if (text.startsWith('(') && !text.endsWith(')')) throw invalidParameter(name, 'has a list with an unclosed bracket');
  const inner = text.startsWith('(') ? text.slice(1, -1) : text;
  const items: string[] = [];
  const item = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const match = item.exec(inner);
    if (!match) throw invalidParameter(name, 'has a list with an unfinished quote');
    items.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === '') return items;
  }
}

function isOperator(text: string): text is ConditionOperator {
  return OPERATORS.has(text);
}
