import type { ColumnType } from '../event/dataset.ts';
import { isDate, isDateTime, isDecimal, isJson, isUuid } from '../event/formats.ts';
import type { Value } from '../store/driver.ts';

/** What a column of integers can hold: 128 bits, signed. */
const COLUMN_INTEGER_MAX = 2n ** 127n - 1n;
const INTEGER = /^-?(?:0|[1-9]\d{0,38})$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const FRACTION = /\.(\d+)/;

const EXPECTED: Readonly<Record<ColumnType, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number such as 12 or -0.5',
  decimal: 'a decimal number such as 12.50',
  boolean: 'true or false',
  timestamp: 'a time such as 2026-01-31T08:00:00Z, or a day',
  date: 'a day such as 2026-01-31',
  uuid: 'a UUID',
  json: 'JSON',
};

/** What `parseValue` wants for a type, in words. */
export function expected(type: ColumnType): string {
  return EXPECTED[type];
}

/**
 * The value that a text in a URL stands for, or undefined when it is none of that type. Strict: no spaces, no other
 * digits, no rounding; a day where a time is wanted means its first moment in UTC.
 */
export function parseValue(type: ColumnType, text: string): Value | undefined {
  switch (type) {
    case 'string':
      return text;
    case 'json':
      return isJson(text) ? text : undefined;
    case 'integer':
      return parseInteger(text);
    case 'number':
      return NUMBER.test(text) && Number.isFinite(Number(text)) ? Number(text) : undefined;
    case 'decimal':
      return isDecimal(text) ? text : undefined;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'timestamp':
      return isDate(text) ? `${text}T00:00:00.000Z` : isDateTime(text) ? toUtc(text) : undefined;
    case 'date':
      return isDate(text) ? text : undefined;
    case 'uuid':
      return isUuid(text) ? text.toLowerCase() : undefined;
  }
}

function parseInteger(text: string): number | bigint | undefined {
  if (!INTEGER.test(text)) return undefined;
  const value = BigInt(text);
  if (value > COLUMN_INTEGER_MAX || value < -COLUMN_INTEGER_MAX - 1n) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** ISO 8601 in UTC as rows carry it: milliseconds always, microseconds only when there are any. */
function toUtc(text: string): string {
  const micros = (FRACTION.exec(text)?.[1] ?? '').slice(0, 6).padEnd(6, '0');
  const iso = new Date(text.replace(FRACTION, '')).toISOString();
  return iso.replace('.000Z', micros.endsWith('000') ? `.${micros.slice(0, 3)}Z` : `.${micros}Z`);
}
