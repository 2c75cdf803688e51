import type { SqlColumn } from '../sql/dialect.ts';
import { badRow, columnValue } from '../value.ts';
import { type CopyBuffer, hasSpecial } from './copy-buffer.ts';
import { postgresTime } from './values.ts';

const QUOTE = 0x22;
const MINUS = 0x2d;
const ZERO = 0x30;
const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte <= 0x39;

/** Digits that fit 2^127 - 1 whatever they are. */
const INTEGER_DIGITS = 38;
/** Digits that a double keeps. */
const NUMBER_LENGTH = 17;

/** Writes the value that lies in `bytes[from, to)` as JSON. @throws AzudError `bad-row` with the column's path */
export type CopyValue = (out: CopyBuffer, bytes: Buffer, from: number, to: number) => void;

/**
 * How values of a column are written. What needs no thought, by far the most, goes from the event's bytes to the COPY as
 * it stands, and PostgreSQL checks it; the rest takes the way of `../value.ts`, which every store shares.
 */
export function copyValueOf(column: SqlColumn): CopyValue {
  const careful = carefully(column);
  switch (column.type) {
    case 'json':
      return (out, bytes, from, to) => {
        if (hasSpecial(bytes, from, to)) out.escaped(bytes, from, to);
        else out.plain(bytes, from, to);
      };
    case 'string':
      return (out, bytes, from, to) => {
        if (bytes[from] !== QUOTE || hasSpecial(bytes, from, to)) careful(out, bytes, from, to);
        else out.plain(bytes, from + 1, to - 1);
      };
    case 'timestamp':
      return when(isPlainTime, careful);
    case 'date':
      return when((bytes, from, to) => to - from === DAY.length + 2 && isDay(bytes, from + 1), careful);
    case 'integer':
      return when(isPlainInteger, careful);
    case 'number':
      return when(isPlainNumber, careful);
    case 'boolean':
      return when((bytes, from) => bytes[from] !== QUOTE && !isDigit(bytes[from]), careful);
    default:
      return careful;
  }
}

type Check = (bytes: Buffer, from: number, to: number) => boolean;

/** What passes the check as it stands, without its quotes if it has any. */
function when(check: Check, careful: CopyValue): CopyValue {
  return (out, bytes, from, to) => {
    const quoted = bytes[from] === QUOTE ? 1 : 0;
    if (check(bytes, from, to)) out.plain(bytes, from + quoted, to - quoted);
    else careful(out, bytes, from, to);
  };
}

function carefully(column: SqlColumn): CopyValue {
  const { type } = column;
  const isTime = type === 'timestamp' || type === 'date';
  return (out, bytes, from, to) => {
    const value = columnValue(bytes.toString('utf8', from, to), column);
    if (value === null) return out.nothing();
    const text = isTime ? postgresTime(String(value)) : String(value);
    if (text.includes('\0')) throw badRow(column, 'cannot be kept: PostgreSQL stores no U+0000 in text');
    out.text(text);
  };
}

const isPlainInteger: Check = (bytes, from, to) => {
  const start = bytes[from] === MINUS ? from + 1 : from;
  if (start === to || to - start > INTEGER_DIGITS) return false;
  for (let at = start; at < to; at += 1) if (!isDigit(bytes[at])) return false;
  return true;
};

const isPlainNumber: Check = (bytes, from, to) => {
  if (to - from > NUMBER_LENGTH || !isDigit(bytes[bytes[from] === MINUS ? from + 1 : from])) return false;
  for (let at = from + 1; at < to; at += 1) if (!isDigit(bytes[at]) && bytes[at] !== 0x2e) return false;
  return true;
};

/** `d` is a digit; the year 0 is spelled otherwise in PostgreSQL, and leap seconds are refused. */
const DAY = 'dddd-dd-dd';
const TIME = Buffer.from(`${DAY}Tdd:dd:dd`);
const FRACTION_MAX = 6;

function isDay(bytes: Buffer, from: number): boolean {
  return follows(bytes, from, DAY.length) && !isYearZero(bytes, from);
}

const isPlainTime: Check = (bytes, from, to) => {
  const start = from + 1;
  let at = start + TIME.length;
  if (to - from < TIME.length + 3 || !follows(bytes, start, TIME.length) || isYearZero(bytes, start)) return false;
  if ((bytes[at - 2] as number) > 0x35) return false;
  if (bytes[at] === 0x2e) {
    const digits = at + 1;
    at = digits;
    while (isDigit(bytes[at])) at += 1;
    if (at === digits || at - digits > FRACTION_MAX) return false;
  }
  return bytes[at] === 0x5a && at + 2 === to;
};

function follows(bytes: Buffer, from: number, length: number): boolean {
  for (let i = 0; i < length; i += 1) {
    const expected = TIME[i];
    const byte = bytes[from + i];
    if (expected === 0x64 ? !isDigit(byte) : byte !== expected) return false;
  }
  return true;
}

function isYearZero(bytes: Buffer, from: number): boolean {
  return bytes[from] === ZERO && bytes[from + 1] === ZERO && bytes[from + 2] === ZERO && bytes[from + 3] === ZERO;
}
