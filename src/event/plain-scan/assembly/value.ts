import { BOOLEAN, FLOAT, INTEGER, NULL, RULE_BOUNDS, RULES } from '../layout';
import { DOT, digitsAt, isDigit, LOWER_F, MINUS, QUOTE, ZERO } from './byte';
import { inBounds, stringFits } from './rules';
import { string } from './string';

/** `true`, `null` and the end of `false`, as they lie in memory. */
const TRUE: i32 = 0x65757274;
const NULL_WORD: i32 = 0x6c6c756e;
const ALSE: i32 = 0x65736c61;

/** More digits are no short number, whatever they are. */
const INTEGER_DIGITS_MAX = 15;
const FLOAT_DIGITS_MAX = 17;

/** Reads a value and asks the column's rules. Its end and, in the lowest byte, its kind; 0 for "not sure". */
export function value(at: i32, column: i32): i32 {
  const byte: i32 = load<u8>(at);
  if (byte === QUOTE) {
    const read = string(at + 1);
    return load<i32>(column, RULES) === 0 || stringFits(at, read >> 8, column) ? read : 0;
  }
  if (byte === MINUS || isDigit(byte)) return number(at, column);
  const word = load<i32>(at);
  if (word === TRUE) return ((at + 4) << 8) | BOOLEAN;
  if (word === NULL_WORD) return ((at + 4) << 8) | NULL;
  return byte === LOWER_F && load<i32>(at + 1) === ALSE ? ((at + 5) << 8) | BOOLEAN : 0;
}

/** As `value`. */
function number(at: i32, column: i32): i32 {
  const negative = load<u8>(at) === MINUS;
  const from = negative ? at + 1 : at;
  const whole = digitsAt(from);
  if (whole === 0 || whole > INTEGER_DIGITS_MAX || (whole > 1 && load<u8>(from) === ZERO)) return 0;
  let end = from + whole;
  let fraction: i32 = 0;
  if (load<u8>(end) === DOT) {
    fraction = digitsAt(end + 1);
    if (fraction === 0 || fraction === 16 || whole + fraction > FLOAT_DIGITS_MAX) return 0;
    end += 1 + fraction;
  }
  if ((load<i32>(column, RULES) & RULE_BOUNDS) !== 0) {
    // So many digits and such a power of ten are exact in a double, and their quotient is the double nearest to it.
    if (whole + fraction > INTEGER_DIGITS_MAX) return 0;
    const size = (digits(from, whole, fraction) as f64) / powerOfTen(fraction);
    if (!inBounds(negative ? -size : size, column)) return 0;
  }
  return (end << 8) | (fraction === 0 ? INTEGER : FLOAT);
}

/** The digits of a number without its point. */
function digits(at: i32, whole: i32, fraction: i32): u64 {
  let sum: u64 = 0;
  for (let i: i32 = 0; i < whole; i++) sum = sum * 10 + (load<u8>(at + i) - ZERO);
  at += whole + 1;
  for (let i: i32 = 0; i < fraction; i++) sum = sum * 10 + (load<u8>(at + i) - ZERO);
  return sum;
}

function powerOfTen(exponent: i32): f64 {
  let power: f64 = 1;
  for (let i: i32 = 0; i < exponent; i++) power *= 10;
  return power;
}
