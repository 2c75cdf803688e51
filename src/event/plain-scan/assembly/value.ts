import { ARRAY_LOW, BOOLEAN, FLOAT, INTEGER, NULL, OBJECT_LOW, RULE_BOUNDS, RULES } from '../layout';
import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COMMA,
  DOT,
  digitsAt,
  isDigit,
  LOWER_F,
  MINUS,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  skipSpaces,
  ZERO,
} from './byte';
import { beginKeys, heldKeys, holdKeys, otherKey } from './key';
import { inBounds, stringFits } from './rules';
import { string } from './string';

/** `true`, `null` and the end of `false`, as they lie in memory. */
const TRUE: i32 = 0x65757274;
const NULL_WORD: i32 = 0x6c6c756e;
const ALSE: i32 = 0x65736c61;

/** More digits are no short number, whatever they are. */
const INTEGER_DIGITS_MAX = 15;
const FLOAT_DIGITS_MAX = 17;

/** Zeros: a column that asks nothing. */
export const NO_COLUMN = 0;

/** Deeper than events are; the strict scanner goes on. */
const DEPTH_MAX = 8;
let depth = 0;

/** Before an event. */
export function beginNested(): void {
  depth = 0;
  beginKeys();
}

/** Reads a value and asks the column's rules. Its end and, in the lowest byte, its kind; 0 for "not sure". */
export function value(at: i32, column: i32): i32 {
  const byte: i32 = load<u8>(at);
  if (byte === QUOTE) {
    const read = string(at + 1);
    return load<i32>(column, RULES) === 0 || stringFits(at, read >> 8, column) ? read : 0;
  }
  if (byte === MINUS || isDigit(byte)) return number(at, column);
  if (byte === OPEN_OBJECT) return object(skipSpaces(at + 1));
  if (byte === OPEN_ARRAY) return array(skipSpaces(at + 1));
  const word = load<i32>(at);
  if (word === TRUE) return ((at + 4) << 8) | BOOLEAN;
  if (word === NULL_WORD) return ((at + 4) << 8) | NULL;
  return byte === LOWER_F && load<i32>(at + 1) === ALSE ? ((at + 5) << 8) | BOOLEAN : 0;
}

/** As `value`, from behind the brace. */
function object(at: i32): i32 {
  if (++depth > DEPTH_MAX) return 0;
  const around = heldKeys();
  while (load<u8>(at) !== CLOSE_OBJECT) {
    at = otherKey(at, around);
    if (at === 0) return 0;
    at = itemEnd(at, CLOSE_OBJECT);
    if (at === 0) return 0;
  }
  depth -= 1;
  holdKeys(around);
  return ((at + 1) << 8) | OBJECT_LOW;
}

/** As `value`, from behind the bracket. */
function array(at: i32): i32 {
  if (++depth > DEPTH_MAX) return 0;
  while (load<u8>(at) !== CLOSE_ARRAY) {
    at = itemEnd(at, CLOSE_ARRAY);
    if (at === 0) return 0;
  }
  depth -= 1;
  return ((at + 1) << 8) | ARRAY_LOW;
}

/**
 * Reads a value in an object or an array: where the next one begins, or the byte `close` stands; 0 for "not sure", which a
 * value that is none becomes by the zero that lies at position 0.
 */
function itemEnd(at: i32, close: i32): i32 {
  const end = skipSpaces(value(skipSpaces(at), NO_COLUMN) >> 8);
  if (load<u8>(end) === close) return end;
  if (load<u8>(end) !== COMMA) return 0;
  const next = skipSpaces(end + 1);
  return load<u8>(next) === close ? 0 : next;
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
