import {
  ABOVE,
  BELOW,
  LENGTH_MAX,
  LENGTH_MIN,
  MAX,
  MIN,
  OPTION,
  OPTIONS,
  RULE_ASCII,
  RULE_DATE,
  RULE_LENGTH,
  RULE_OPTIONS,
  RULE_TIME,
  RULES,
} from '../layout';
import { COLON, DOT, digitBits, digitsAt, equal, MINUS, PLUS, UPPER_T, UPPER_Z, ZERO } from './byte';

/** Of a date and the minute, `2026-01-31T08:00`: which bytes are digits, as bits. */
const DATE_DIGITS: i32 = 0x36f;
const MINUTE_DIGITS: i32 = 0xdb6f;

export function inBounds(number: f64, column: i32): bool {
  return (
    number >= load<f64>(column, MIN) &&
    number <= load<f64>(column, MAX) &&
    number > load<f64>(column, ABOVE) &&
    number < load<f64>(column, BELOW)
  );
}

/** Does the string from quote to quote pass all that is asked of it? */
export function stringFits(start: i32, end: i32, column: i32): bool {
  const rules = load<i32>(column, RULES);
  if ((rules & RULE_LENGTH) !== 0) {
    const length = end - start;
    if (length < load<i32>(column, LENGTH_MIN) || length > load<i32>(column, LENGTH_MAX)) return false;
  }
  if ((rules & RULE_ASCII) !== 0 && !isAscii(start, end)) return false;
  if ((rules & RULE_DATE) !== 0 && !(end - start === 12 && isDate(start + 1))) return false;
  if ((rules & RULE_TIME) !== 0 && !isTime(start, end)) return false;
  return (rules & RULE_OPTIONS) === 0 || isOption(start, end, load<i32>(column, OPTIONS));
}

function isAscii(start: i32, end: i32): bool {
  for (; end - start > 16; start += 16) if (i8x16.bitmask(v128.load(start)) !== 0) return false;
  const left = end - start;
  return (i8x16.bitmask(v128.load(start)) & ((1 << left) - 1)) === 0;
}

/** One of the options, whose number stands before them. */
function isOption(start: i32, end: i32, options: i32): bool {
  const length = end - start;
  let option = options + OPTION;
  for (let left = load<i32>(options); left > 0; left--) {
    const its = load<i32>(option);
    if (its === length && equal(start, option + OPTION, length)) return true;
    option += OPTION + ((its + 15) & ~15);
  }
  return false;
}

/** `2026-01-31`, a day of the years 1 to 9999. */
function isDate(at: i32): bool {
  if ((digitBits(at) & DATE_DIGITS) !== DATE_DIGITS) return false;
  if (load<u8>(at + 4) !== MINUS || load<u8>(at + 7) !== MINUS) return false;
  const year = 100 * twoDigits(at) + twoDigits(at + 2);
  const month = twoDigits(at + 5);
  const day = twoDigits(at + 8);
  if (year === 0 || month === 0 || month > 12 || day === 0) return false;
  if (month === 2) {
    const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    return day <= 28 + leap;
  }
  return day <= 30 + ((month + (month >> 3)) & 1);
}

/** `"2026-01-31T08:00:00Z"`, perhaps with 1 to 6 digits of a second, or with an offset. */
function isTime(start: i32, end: i32): bool {
  const at = start + 1;
  if (end - start < 22 || (digitBits(at) & MINUTE_DIGITS) !== MINUTE_DIGITS || !isDate(at)) return false;
  if (load<u8>(at + 10) !== UPPER_T || load<u8>(at + 13) !== COLON || load<u8>(at + 16) !== COLON) return false;
  if (digitsAt(at + 17) !== 2) return false;
  if (twoDigits(at + 11) > 23 || twoDigits(at + 14) > 59 || twoDigits(at + 17) > 59) return false;
  let zone = at + 19;
  if (load<u8>(zone) === DOT) {
    const fraction = digitsAt(zone + 1);
    if (fraction === 0 || fraction > 6) return false;
    zone += 1 + fraction;
  }
  return load<u8>(zone) === UPPER_Z ? zone + 2 === end : zone + 7 === end && isOffset(zone, at);
}

/** `+03:00`, up to 15:59; not in the first and the last year, which an offset may carry out of the calendar. */
function isOffset(at: i32, date: i32): bool {
  if (load<u8>(at) !== PLUS && load<u8>(at) !== MINUS) return false;
  if (digitsAt(at + 1) !== 2 || load<u8>(at + 3) !== COLON || digitsAt(at + 4) !== 2) return false;
  const year = 100 * twoDigits(date) + twoDigits(date + 2);
  return twoDigits(at + 1) <= 15 && twoDigits(at + 4) <= 59 && year > 1 && year < 9999;
}

/** The number in two bytes that are digits. */
function twoDigits(at: i32): i32 {
  return 10 * (load<u8>(at) - ZERO) + (load<u8>(at + 1) - ZERO);
}
