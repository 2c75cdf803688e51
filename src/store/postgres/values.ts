import type { FieldDef } from 'pg';
import type { ColumnType } from '../../event/dataset.ts';
import type { Value } from '../driver.ts';
import { distinctNames } from '../reading.ts';
import { decimalOf, exactInteger, isoOf } from '../value.ts';

/** OIDs of the built-in types, as pg_type.dat has them. */
const TYPES: ReadonlyMap<number, ColumnType> = new Map([
  [16, 'boolean'],
  [20, 'integer'],
  [21, 'integer'],
  [23, 'integer'],
  [26, 'integer'],
  [700, 'number'],
  [701, 'number'],
  [1082, 'date'],
  [1114, 'timestamp'],
  [1184, 'timestamp'],
  [2950, 'uuid'],
  [114, 'json'],
  [3802, 'json'],
]);
const NUMERIC = 1700;
/** A type modifier holds the scale in its low 11 bits, after 4 bytes of header. */
const MODIFIER_HEADER = 4;
const SCALE_BITS = 0x7ff;
/** Digits after the point of our decimal columns, and so of sums over them. */
const DECIMAL_SCALE = 18;

const BYTEA = 17;

type Texts = readonly (readonly (string | null)[])[];

/** What the columns of a result hold, in our words, from their declared types and, for bare numerics, the first rows. */
export function columnsOf(fields: readonly FieldDef[], first: Texts): { name: string; type: ColumnType }[] {
  const names = distinctNames(fields.map((field) => field.name));
  return fields.map((field, at) => ({ name: names[at] as string, type: typeOf(field, at, first) }));
}

function typeOf({ dataTypeID, dataTypeModifier }: FieldDef, at: number, first: Texts): ColumnType {
  if (dataTypeID !== NUMERIC) return TYPES.get(dataTypeID) ?? 'string';
  if (dataTypeModifier >= 0) return ((dataTypeModifier - MODIFIER_HEADER) & SCALE_BITS) === 0 ? 'integer' : 'decimal';
  return bareNumeric(first.flatMap((row) => row[at] ?? []));
}

/**
 * A computed numeric says nothing of its scale. Whole numbers are integers, as sums of integers are; 18 digits after the
 * point are a sum of decimals; the rest are averages and ratios, which are numbers in every other store.
 */
function bareNumeric(texts: readonly string[]): ColumnType {
  const scales = texts.map((text) => (text.includes('.') ? text.length - text.indexOf('.') - 1 : 0));
  if (scales.every((scale) => scale === 0)) return 'integer';
  return scales.every((scale) => scale === DECIMAL_SCALE) ? 'decimal' : 'number';
}

/** How each column's text becomes a value; bytes are base64, as in every other store. */
export function convertersOf(
  fields: readonly FieldDef[],
  types: readonly ColumnType[],
): ((text: string | null) => Value)[] {
  return fields.map(({ dataTypeID }, at) => {
    const type = types[at] ?? 'string';
    if (dataTypeID !== BYTEA) return (text) => valueFrom(text, type);
    return (text) => (text === null ? null : Buffer.from(text.slice('\\x'.length), 'hex').toString('base64'));
  });
}

/** A value from PostgreSQL's text for it. Not a number and the infinities are null: JSON has no word for them. */
function valueFrom(text: string | null, type: ColumnType): Value {
  if (text === null) return null;
  switch (type) {
    case 'boolean':
      return text === 't';
    case 'integer':
      return integerOf(text);
    case 'number':
      return finite(Number(text));
    case 'decimal':
      return /^-?\d/.test(text) ? (decimalOf(text) ?? text) : null;
    case 'timestamp':
      return isoOfText(text);
    case 'date':
      return dayOf(text);
    default:
      return text;
  }
}

function integerOf(text: string): Value {
  if (/^-?\d+$/.test(text)) return text.length < 16 ? Number(text) + 0 : exactInteger(BigInt(text));
  return finite(Number(text));
}

// Adding zero makes -0 the 0 that it means.
const finite = (value: number): number | null => (Number.isFinite(value) ? value + 0 : null);

const TIME = /^(\d{4,})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:\+00)?)?( BC)?$/;

/** `2026-01-02 03:04:05.123+00`, in UTC as every session asks. Infinities are null. */
function isoOfText(text: string): string | null {
  const match = TIME.exec(text);
  if (!match) return null;
  const [, year, month, day, hours = '0', minutes = '0', seconds = '0', fraction = '', era] = match;
  const date = new Date(0);
  date.setUTCFullYear(yearOf(year, era), Number(month) - 1, Number(day));
  const ms = date.getTime() + ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  if (Number.isNaN(ms)) return null;
  return isoOf(BigInt(ms) * 1000n + BigInt(fraction.padEnd(6, '0')));
}

function dayOf(text: string): string | null {
  const match = TIME.exec(text);
  if (!match) return null;
  const [, year, month, day, , , , , era] = match;
  return `${String(yearOf(year, era)).padStart(4, '0')}-${month}-${day}`;
}

/** There is no year 0 in the text; ISO 8601 has one, the year before 1. */
function yearOf(text: string | undefined, era: string | undefined): number {
  return era === undefined ? Number(text) : 1 - Number(text);
}

/** How PostgreSQL spells an ISO 8601 day or time, which may lie in the year 0 or before. */
export function postgresTime(iso: string): string {
  const match = /^([+-]?\d{4,6})(-.*)$/.exec(iso);
  const year = Number(match?.[1]);
  const rest = match?.[2] ?? '';
  if (year > 0) return `${String(year).padStart(4, '0')}${rest}`;
  return `${String(1 - year).padStart(4, '0')}${rest} BC`;
}
