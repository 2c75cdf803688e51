import { JSON_LIMITS } from '../../limits.ts';
import { BYTE } from './byte.ts';

/** What a value is, as bits, so that a set of kinds is a mask. */
export const KIND = {
  /** A string without escapes. */
  STRING: 1,
  /** A string with escapes. */
  ESCAPED: 2,
  /** An integer literal of at most 15 digits: exact in a double. */
  INTEGER: 4,
  /** A literal with a fraction, without exponent, of at most 17 digits. */
  FLOAT: 8,
  /** An integer literal of more than 15 digits. */
  LONG_INTEGER: 16,
  /** Any other number: with exponent, or longer. Whether it can be kept exactly depends on its column. */
  LONG_FLOAT: 32,
  BOOLEAN: 64,
  NULL: 128,
  OBJECT: 256,
  ARRAY: 512,
} as const;

export interface NumberRead {
  /** Position after the number, or of the byte that breaks the grammar. */
  readonly end: number;
  /** KIND, or 0 when it is no number. */
  readonly kind: number;
  /** Why no reader can keep it, null when some can. */
  readonly problem: string | null;
}

/** Reads the number that begins at `at`, by JSON's grammar. */
export function readNumber(bytes: Uint8Array, at: number, to: number): NumberRead {
  let i = at;
  if (i < to && bytes[i] === BYTE.MINUS) i++;
  const whole = i;
  i = skipDigits(bytes, i, to);
  const wholeDigits = i - whole;
  if (wholeDigits === 0) return { end: i, kind: 0, problem: null };
  if (wholeDigits > 1 && bytes[whole] === BYTE.ZERO) return { end: whole + 1, kind: 0, problem: null };
  let digits = wholeDigits;
  let fraction = false;
  if (i < to && bytes[i] === BYTE.DOT) {
    const from = i + 1;
    i = skipDigits(bytes, from, to);
    if (i === from) return { end: i, kind: 0, problem: null };
    digits += i - from;
    fraction = true;
  }
  const mantissaEnd = i;
  if (i < to && (bytes[i] === BYTE.LOWER_E || bytes[i] === BYTE.UPPER_E)) {
    i++;
    if (i < to && (bytes[i] === BYTE.PLUS || bytes[i] === BYTE.MINUS)) i++;
    const from = i;
    i = skipDigits(bytes, from, to);
    if (i === from) return { end: i, kind: 0, problem: null };
    digits += i - from;
  }
  const exponent = i > mantissaEnd;
  return { end: i, kind: kindOf(fraction, exponent, digits), problem: rangeProblem(bytes, at, i, exponent, digits) };
}

function kindOf(fraction: boolean, exponent: boolean, digits: number): number {
  if (!fraction && !exponent) return digits <= 15 ? KIND.INTEGER : KIND.LONG_INTEGER;
  return !exponent && digits <= 17 ? KIND.FLOAT : KIND.LONG_FLOAT;
}

function rangeProblem(bytes: Uint8Array, at: number, end: number, exponent: boolean, digits: number): string | null {
  if (digits > JSON_LIMITS.numberDigitsMax) {
    return `a number has ${digits} digits, at most ${JSON_LIMITS.numberDigitsMax} are taken`;
  }
  if (!exponent) return null;
  const text = String.fromCharCode(...bytes.subarray(at, end));
  const value = Number(text);
  if (!Number.isFinite(value)) return `the number ${text} is larger than a double can hold`;
  return value === 0 && /[1-9]/.test(text.split(/e/i)[0] ?? '') ? `the number ${text} is too small for a double` : null;
}

function skipDigits(bytes: Uint8Array, at: number, to: number): number {
  let i = at;
  while (i < to && (bytes[i] as number) >= BYTE.ZERO && (bytes[i] as number) <= BYTE.NINE) i++;
  return i;
}

/** Digits between the first and the last that is not zero: what a reader must keep to keep the value. */
export function significand(literal: string): string {
  const digits = (literal.split(/e/i)[0] ?? '').replace(/[-.]/g, '');
  return digits.replace(/^0+/, '').replace(/0+$/, '');
}
