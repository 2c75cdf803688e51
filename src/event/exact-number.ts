import type { RowError } from '../error/azud-error.ts';
import type { Column } from './dataset.ts';
import { latin1 } from './json/byte.ts';
import { KIND, significand } from './json/number.ts';
import type { JsonScanner } from './json/scanner.ts';
import { pointer } from './pointer.ts';

/** Largest value of a 128-bit integer column. */
const HUGEINT_MAX = 2n ** 127n - 1n;
/** Digits that a double keeps through reading and writing. */
const DOUBLE_DIGITS_MAX = 17;
/** A literal of so many digits is exact in a double whatever its form. */
const SAFE_DIGITS_MAX = 15;

/**
 * Numbers of the last event that their column could only keep rounded. Ajv sees them after `JSON.parse`, that is after
 * the rounding, so their literals are looked at here.
 */
export function inexactNumbers(bytes: Buffer, scanner: JsonScanner, columns: readonly Column[]): RowError[] {
  const errors: RowError[] = [];
  for (const [i, { name, type }] of columns.entries()) {
    if (!scanner.has(i) || ((scanner.kinds[i] as number) & (KIND.LONG_INTEGER | KIND.FLOAT | KIND.LONG_FLOAT)) === 0)
      continue;
    const literal = latin1(bytes, scanner.starts[i] as number, scanner.ends[i] as number);
    const kind = scanner.kinds[i] as number;
    const fits = type === 'integer' ? fitsInteger(literal, kind) : fitsNumber(literal, kind);
    if ((type !== 'integer' && type !== 'number') || fits) continue;
    const path = pointer(name);
    const message = `${path} must be ${expected(type, kind)} to be kept exactly, got ${literal}`;
    errors.push({ path, code: 'number_range', message });
  }
  return errors;
}

function expected(type: 'integer' | 'number', kind: number): string {
  if (type === 'number') return `a number of at most ${DOUBLE_DIGITS_MAX} digits`;
  if (kind === KIND.LONG_INTEGER) return 'an integer between -2^127 and 2^127';
  return 'written out in digits, without a point or an exponent,';
}

function fitsInteger(literal: string, kind: number): boolean {
  if (kind === KIND.LONG_INTEGER) {
    const value = BigInt(literal);
    return value <= HUGEINT_MAX && value >= -HUGEINT_MAX;
  }
  // `1.0` and `1e3` are integers to JSON Schema; beyond a double's exact range nobody could say which.
  return significand(literal).length <= SAFE_DIGITS_MAX && Math.abs(Number(literal)) <= Number.MAX_SAFE_INTEGER;
}

function fitsNumber(literal: string, kind: number): boolean {
  const digits = significand(literal);
  if (digits.length > DOUBLE_DIGITS_MAX) return false;
  if (kind !== KIND.LONG_INTEGER) return true;
  // An integer must come back as it was sent: as the double's shortest digits, or as its exact value.
  const double = Number(literal);
  return digits === significand(String(double)) || BigInt(literal) === BigInt(double);
}
