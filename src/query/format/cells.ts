import type { ColumnType } from '../../event/dataset.ts';
import type { Value } from '../../store/driver.ts';

/**
 * A value as JSON text. Integers that a double cannot hold, and decimals, are strings: exact for every reader. A column
 * of JSON is already text, and is given as it came.
 */
export function jsonCell(value: Value, type: ColumnType): string {
  switch (typeof value) {
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? String(value) : `"${value}"`;
    case 'string':
      return type === 'json' ? value : JSON.stringify(value);
    default:
      return JSON.stringify(value);
  }
}

/** Characters that make a spreadsheet read a cell as a formula. */
const FORMULA = /^[=+\-@\t\r]/;
const SPECIAL = /[",\r\n]|^\s|\s$/;

/**
 * A value as a CSV cell (RFC 4180). Null is an empty cell, an empty string two quotes. Text that a spreadsheet would run
 * as a formula gets an apostrophe before it, unless `raw`; numbers are never touched.
 */
export function csvCell(value: Value, type: ColumnType, raw: boolean): string {
  if (value === null) return '';
  const text = String(value);
  if (text === '') return '""';
  const safe = !raw && type === 'string' && FORMULA.test(text) ? `'${text}` : text;
  return SPECIAL.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
