import { AzudError } from '../error/azud-error.ts';
import type { Column } from '../event/dataset.ts';
import type { Value } from './driver.ts';

/** Integers kept exactly: 128 bits, signed. The narrowest of the stores decides. */
const INTEGER_MAX = 2n ** 127n - 1n;
/** 20 digits before the point and 18 after it. */
const DECIMAL = /^(-?)0*(\d{1,20})(?:\.(\d{1,18}))?$/;
const TIMESTAMP = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):?(\d\d))$/;
const DATE = /^\d{4}-\d\d-\d\d$/;
const UUID = /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

/**
 * The value of a column from the exact JSON text of a member; undefined (missing) and `null` are both null.
 * @throws AzudError `bad-row` with the member's path when the column cannot keep it exactly
 */
export function columnValue(raw: string | undefined, column: Pick<Column, 'name' | 'type'>): Value {
  if (raw === undefined || raw === 'null') return null;
  const value = convert(raw, column.type);
  if (value === undefined) throw badRow(column, `cannot be kept as ${column.type}`);
  return value;
}

export function badRow(column: Pick<Column, 'name'>, what: string): AzudError {
  const path = `/${column.name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return new AzudError('bad-row', `${path} ${what}`, { path });
}

function convert(raw: string, type: Column['type']): Value | undefined {
  const text = raw.startsWith('"') ? (JSON.parse(raw) as string) : raw;
  switch (type) {
    case 'json':
      return raw;
    case 'string':
      return text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'integer':
      return integerOf(text);
    case 'number':
      return Number.isFinite(Number(text)) ? Number(text) + 0 : undefined;
    case 'decimal':
      return decimalOf(text);
    case 'timestamp':
      return timestampOf(text);
    case 'date':
      return DATE.test(text) && isDay(text) ? text : undefined;
    case 'uuid':
      return UUID.test(text) ? text.toLowerCase() : undefined;
  }
}

/** `1.0` and `1e2` are integers to JSON Schema, so they are to us. */
function integerOf(text: string): number | bigint | undefined {
  const match = /^(-?\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
  if (!match) return undefined;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const shift = Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  const scale = 10n ** BigInt(Math.abs(shift));
  if (shift < 0 && digits % scale !== 0n) return undefined;
  return fromBigInt(shift < 0 ? digits / scale : digits * scale);
}

function fromBigInt(value: bigint): number | bigint | undefined {
  if (value > INTEGER_MAX || value < -INTEGER_MAX - 1n) return undefined;
  return exactInteger(value);
}

/** A number where that is exact, else the bigint. */
export function exactInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** One spelling a value: no leading zeros, none at the end of the fraction. */
export function decimalOf(text: string): string | undefined {
  const match = DECIMAL.exec(text);
  if (!match) return undefined;
  const [, sign = '', whole = '0', fraction = ''] = match;
  const kept = fraction.replace(/0+$/, '');
  const digits = kept === '' ? whole : `${whole}.${kept}`;
  return digits === '0' ? '0' : sign + digits;
}

function timestampOf(text: string): string | undefined {
  const match = TIMESTAMP.exec(text);
  if (!match) return undefined;
  const [, day = '', time = '', fraction = '', sign = '+', hours = '0', minutes = '0'] = match;
  const local = Date.parse(`${day}T${time}Z`);
  if (Number.isNaN(local) || !isDay(day)) return undefined;
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1);
  return isoOf(BigInt(local - offsetMs) * 1000n + BigInt(fraction.slice(0, 6).padEnd(6, '0')));
}

/** Microseconds since the epoch as ISO 8601 in UTC: milliseconds always, microseconds only when there are any. */
export function isoOf(micros: bigint): string {
  const rest = ((micros % 1000n) + 1000n) % 1000n;
  const iso = new Date(Number((micros - rest) / 1000n)).toISOString();
  return rest === 0n ? iso : `${iso.slice(0, -1)}${String(rest).padStart(3, '0')}Z`;
}

function isDay(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}
