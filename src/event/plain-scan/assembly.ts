/**
 * The plain scan. AssemblyScript, not TypeScript: `scripts/setup.mjs` compiles it to `assembly.wasm`, tsc does not see it.
 *
 * It says yes to an event, by answering where it ends, only when it is sure that the strict scanner finds no fault and the
 * plain check says yes; 0 means "not sure" of anything else, and is cheap to say. So it knows little: an object of declared
 * keys, each once, whose values are strings, short numbers, booleans and nulls, on one line.
 *
 * The body lies at BODY with zeros behind it. A zero is part of no token, so nothing here asks where the body ends: every
 * loop over bytes stops there, and what was read beyond the end of the event is told by the position that is answered.
 */

// Where things lie, and how the table is laid out: the same as in layout.ts, which a test holds together.
const KINDS: usize = 1024;
const STARTS: usize = 2048;
const ENDS: usize = 4096;
const COUNT: usize = 8192;
const REQUIRED: usize = 8196;
const FIRST: usize = 8200;
const COLUMNS: usize = 8208;
const BODY: usize = 131072;

/** Of a column, from its beginning. Its key stands in quotes, with the colon. */
const COLUMN_BYTES: usize = 160;
const NEXT: usize = 0;
const INDEX: usize = 4;
const ACCEPTED: usize = 8;
const IS_REQUIRED: usize = 12;
const RULES: usize = 16;
const LENGTH_MIN: usize = 20;
const LENGTH_MAX: usize = 24;
const OPTIONS: usize = 28;
const MIN: usize = 32;
const MAX: usize = 40;
const ABOVE: usize = 48;
const BELOW: usize = 56;
const KEY_LENGTH: usize = 64;
const KEY: usize = 80;

/** Of an option of an enumeration: its length, then its bytes. */
const OPTION: usize = 16;

const STRING: u32 = 1;
const ESCAPED: u32 = 2;
const INTEGER: u32 = 4;
const FLOAT: u32 = 8;
const BOOLEAN: u32 = 64;
const NULL: u32 = 128;

const RULE_LENGTH: u32 = 1;
const RULE_ASCII: u32 = 2;
const RULE_DATE: u32 = 4;
const RULE_TIME: u32 = 8;
const RULE_OPTIONS: u32 = 16;
const RULE_BOUNDS: u32 = 32;

const SPACE: u32 = 0x20;
const QUOTE: u32 = 0x22;
const PLUS: u32 = 0x2b;
const COMMA: u32 = 0x2c;
const MINUS: u32 = 0x2d;
const DOT: u32 = 0x2e;
const SLASH: u32 = 0x2f;
const ZERO: u32 = 0x30;
const COLON: u32 = 0x3a;
const BACKSLASH: u32 = 0x5c;
const UPPER_Z: u32 = 0x5a;
const LOWER_U: u32 = 0x75;
const OPEN_OBJECT: u32 = 0x7b;
const CLOSE_OBJECT: u32 = 0x7d;
/** `true`, `null` and the end of `false`, as they lie in memory. */
const TRUE: u32 = 0x65757274;
const NULL_WORD: u32 = 0x6c6c756e;
const ALSE: u32 = 0x65736c61;

/** Of a date and the minute, `2026-01-31T08:00`: which bytes are digits, as bits. */
const DATE_DIGITS: u32 = 0x36f;
const MINUTE_DIGITS: u32 = 0xdb6f;
/** More digits are no short number, whatever they are. */
const INTEGER_DIGITS_MAX: u32 = 15;
const FLOAT_DIGITS_MAX: u32 = 17;
/** Comparisons with other keys than the expected ones that any event may cost: 16 keys in any order. */
const SEARCHES: i32 = 256;

/** Keys that may still be compared in this event: where they stand in ever another order it must not cost the square. */
let searches: i32 = 0;

/** Reads the event at `from` of the body. The position after it, or 0. */
export function scan(from: usize): usize {
  let at = BODY + from;
  if (load<u8>(at) !== OPEN_OBJECT) return 0;
  at = skipSpaces(at + 1);
  const count = load<u32>(COUNT) as usize;
  for (let i: usize = 0; i < count; i += 8) v128.store(KINDS + 2 * i, i64x2.splat(0));
  searches = SEARCHES + 4 * (count as i32);
  let missing = load<i32>(REQUIRED);
  if (load<u8>(at) === CLOSE_OBJECT) return missing === 0 ? at + 1 - BODY : 0;
  let slot = FIRST;
  while (true) {
    let column: usize = load<u32>(slot);
    if (!equal(at, column + KEY, load<u32>(column, KEY_LENGTH))) {
      column = find(at, column);
      if (column === 0) return 0;
      store<u32>(slot, column as u32);
    }
    slot = column + NEXT;
    const start = skipSpaces(at + load<u32>(column, KEY_LENGTH));
    const read = value(start, column);
    const kind = read & 0xff;
    const index: usize = load<u32>(column, INDEX);
    if ((load<u32>(column, ACCEPTED) & (kind as u32)) === 0 || load<u16>(KINDS + 2 * index) !== 0) return 0;
    at = read >> 8;
    store<u16>(KINDS + 2 * index, kind as u16);
    store<u32>(STARTS + 4 * index, (start - BODY) as u32);
    store<u32>(ENDS + 4 * index, (at - BODY) as u32);
    missing -= load<i32>(column, IS_REQUIRED);
    at = skipSpaces(at);
    if (load<u8>(at) !== COMMA) break;
    at = skipSpaces(at + 1);
  }
  return load<u8>(at) === CLOSE_OBJECT && missing === 0 ? at + 1 - BODY : 0;
}

function skipSpaces(at: usize): usize {
  while (load<u8>(at) === SPACE) at++;
  return at;
}

/** The column whose key stands at `at`, looked for from the one behind `expected` on; 0 where none is found soon enough. */
function find(at: usize, expected: usize): usize {
  const end = COLUMNS + COLUMN_BYTES * (load<u32>(COUNT) as usize);
  let column = expected;
  while (true) {
    column += COLUMN_BYTES;
    if (column >= end) column = COLUMNS;
    if (column === expected || --searches < 0) return 0;
    if (equal(at, column + KEY, load<u32>(column, KEY_LENGTH))) return column;
  }
}

/** Are so many bytes the same? There is memory behind both. */
function equal(a: usize, b: usize, length: u32): bool {
  while (true) {
    const same: u32 = i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b)));
    if (length < 16) {
      const wanted: u32 = (1 << length) - 1;
      return (same & wanted) === wanted;
    }
    if (same !== 0xffff) return false;
    a += 16;
    b += 16;
    length -= 16;
  }
}

/** Reads a value and asks the column's rules. Its end and, in the lowest byte, its kind; 0 for "not sure". */
function value(at: usize, column: usize): usize {
  const byte: u32 = load<u8>(at);
  if (byte === QUOTE) {
    const read = string(at + 1);
    return load<u32>(column, RULES) === 0 || stringFits(at, read >> 8, column) ? read : 0;
  }
  if (byte === MINUS || isDigit(byte)) return number(at, column);
  const word = load<u32>(at);
  if (word === TRUE) return ((at + 4) << 8) | BOOLEAN;
  if (word === NULL_WORD) return ((at + 4) << 8) | NULL;
  return byte === 0x66 && load<u32>(at + 1) === ALSE ? ((at + 5) << 8) | BOOLEAN : 0;
}

/** Reads from behind the opening quote. As `value`. */
function string(at: usize): usize {
  let kind = STRING;
  while (true) {
    const bytes = v128.load(at);
    const quotes = i8x16.eq(bytes, i8x16.splat(QUOTE as i8));
    const others = v128.or(i8x16.eq(bytes, i8x16.splat(BACKSLASH as i8)), i8x16.lt_u(bytes, i8x16.splat(SPACE as i8)));
    const stops: u32 = i8x16.bitmask(v128.or(quotes, others));
    if (stops !== 0) {
      at += ctz(stops) as usize;
      const byte: u32 = load<u8>(at);
      if (byte === QUOTE) return ((at + 1) << 8) | kind;
      if (byte !== BACKSLASH) return 0;
      at = escapeEnd(at + 1);
      if (at === 0) return 0;
      kind = ESCAPED;
    } else {
      at += 16;
    }
  }
}

/** The position behind the escape whose backslash stands before `at`, both halves of a pair; 0 where it is none. */
function escapeEnd(at: usize): usize {
  const byte: u32 = load<u8>(at);
  if (byte !== LOWER_U) {
    const simple = byte === QUOTE || byte === BACKSLASH || byte === SLASH || byte === 0x62 || byte === 0x66;
    return simple || byte === 0x6e || byte === 0x72 || byte === 0x74 ? at + 1 : 0;
  }
  const unit = hex4(at + 1);
  if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) return 0;
  if (unit < 0xd800 || unit > 0xdfff) return at + 5;
  const low = load<u8>(at + 5) === BACKSLASH && load<u8>(at + 6) === LOWER_U ? hex4(at + 7) : -1;
  return low >= 0xdc00 && low <= 0xdfff ? at + 11 : 0;
}

/** Four hexadecimal digits as a number, negative when they are none. */
function hex4(at: usize): i32 {
  return (hex(at) << 12) | (hex(at + 1) << 8) | (hex(at + 2) << 4) | hex(at + 3);
}

function hex(at: usize): i32 {
  const byte: u32 = load<u8>(at);
  if (isDigit(byte)) return byte - ZERO;
  const letter = (byte | 0x20) - 0x61;
  return letter < 6 ? letter + 10 : -1;
}

/** As `value`. */
function number(at: usize, column: usize): usize {
  const negative = load<u8>(at) === MINUS;
  const from = negative ? at + 1 : at;
  const whole = digitsAt(from);
  if (whole === 0 || whole > INTEGER_DIGITS_MAX || (whole > 1 && load<u8>(from) === ZERO)) return 0;
  let end = from + whole;
  let fraction: u32 = 0;
  if (load<u8>(end) === DOT) {
    fraction = digitsAt(end + 1);
    if (fraction === 0 || fraction === 16 || whole + fraction > FLOAT_DIGITS_MAX) return 0;
    end += 1 + fraction;
  }
  if ((load<u32>(column, RULES) & RULE_BOUNDS) !== 0) {
    // So many digits and such a power of ten are exact in a double, and their quotient is the double nearest to it.
    if (whole + fraction > INTEGER_DIGITS_MAX) return 0;
    const size = (digits(from, whole, fraction) as f64) / powerOfTen(fraction);
    if (!inBounds(negative ? -size : size, column)) return 0;
  }
  return (end << 8) | (fraction === 0 ? INTEGER : FLOAT);
}

/** How many digits stand there, 16 for as many or more. */
function digitsAt(at: usize): u32 {
  const bytes = i8x16.sub(v128.load(at), i8x16.splat(ZERO as i8));
  return ctz(~i8x16.bitmask(i8x16.lt_u(bytes, i8x16.splat(10))));
}

/** The digits of a number without its point. */
function digits(at: usize, whole: u32, fraction: u32): u64 {
  let sum: u64 = 0;
  for (let i: u32 = 0; i < whole; i++) sum = sum * 10 + (load<u8>(at + i) - ZERO);
  at += whole + 1;
  for (let i: u32 = 0; i < fraction; i++) sum = sum * 10 + (load<u8>(at + i) - ZERO);
  return sum;
}

function powerOfTen(exponent: u32): f64 {
  let power: f64 = 1;
  for (let i: u32 = 0; i < exponent; i++) power *= 10;
  return power;
}

function inBounds(number: f64, column: usize): bool {
  return (
    number >= load<f64>(column, MIN) &&
    number <= load<f64>(column, MAX) &&
    number > load<f64>(column, ABOVE) &&
    number < load<f64>(column, BELOW)
  );
}

/** Does the string from quote to quote pass all that is asked of it? */
function stringFits(start: usize, end: usize, column: usize): bool {
  const rules = load<u32>(column, RULES);
  if ((rules & RULE_LENGTH) !== 0) {
    const length = (end - start) as u32;
    if (length < load<u32>(column, LENGTH_MIN) || length > load<u32>(column, LENGTH_MAX)) return false;
  }
  if ((rules & RULE_ASCII) !== 0 && !isAscii(start, end)) return false;
  if ((rules & RULE_DATE) !== 0 && !(end - start === 12 && isDate(start + 1))) return false;
  if ((rules & RULE_TIME) !== 0 && !isTime(start, end)) return false;
  return (rules & RULE_OPTIONS) === 0 || isOption(start, end, load<u32>(column, OPTIONS));
}

function isAscii(start: usize, end: usize): bool {
  for (; end - start > 16; start += 16) if (i8x16.bitmask(v128.load(start)) !== 0) return false;
  const left = (end - start) as u32;
  return (i8x16.bitmask(v128.load(start)) & ((1 << left) - 1)) === 0;
}

/** One of the options, whose number stands before them. */
function isOption(start: usize, end: usize, options: usize): bool {
  const length = (end - start) as u32;
  let option = options + OPTION;
  for (let left = load<u32>(options); left > 0; left--) {
    const its = load<u32>(option);
    if (its === length && equal(start, option + OPTION, length)) return true;
    option += OPTION + ((its + 15) & ~15);
  }
  return false;
}

/** `2026-01-31`, a day of the years 1 to 9999. */
function isDate(at: usize): bool {
  if ((digitBits(at) & DATE_DIGITS) !== DATE_DIGITS) return false;
  if (load<u8>(at + 4) !== MINUS || load<u8>(at + 7) !== MINUS) return false;
  const year = 100 * twoDigits(at) + twoDigits(at + 2);
  const month = twoDigits(at + 5);
  const day = twoDigits(at + 8);
  if (year === 0 || month === 0 || month > 12 || day === 0) return false;
  if (month === 2) {
    const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    return day <= 28 + (leap as u32);
  }
  return day <= 30 + ((month + (month >> 3)) & 1);
}

/** `"2026-01-31T08:00:00Z"`, perhaps with 1 to 6 digits of a second, or with an offset. */
function isTime(start: usize, end: usize): bool {
  const at = start + 1;
  if (end - start < 22 || (digitBits(at) & MINUTE_DIGITS) !== MINUTE_DIGITS || !isDate(at)) return false;
  if (load<u8>(at + 10) !== 0x54 || load<u8>(at + 13) !== COLON || load<u8>(at + 16) !== COLON) return false;
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
function isOffset(at: usize, date: usize): bool {
  if (load<u8>(at) !== PLUS && load<u8>(at) !== MINUS) return false;
  if (digitsAt(at + 1) !== 2 || load<u8>(at + 3) !== COLON || digitsAt(at + 4) !== 2) return false;
  const year = 100 * twoDigits(date) + twoDigits(date + 2);
  return twoDigits(at + 1) <= 15 && twoDigits(at + 4) <= 59 && year > 1 && year < 9999;
}

/** Which of the 16 bytes are digits, as bits. */
function digitBits(at: usize): u32 {
  const bytes = i8x16.sub(v128.load(at), i8x16.splat(ZERO as i8));
  return i8x16.bitmask(i8x16.lt_u(bytes, i8x16.splat(10)));
}

/** The number in two bytes that are digits. */
function twoDigits(at: usize): u32 {
  return 10 * (load<u8>(at) - ZERO) + (load<u8>(at + 1) - ZERO);
}

function isDigit(byte: u32): bool {
  return byte - ZERO < 10;
}
