/**
 * The plain scan. AssemblyScript, not TypeScript: `scripts/setup.mjs` compiles it to `plain-scan.wasm`, tsc does not see it.
 *
 * It says yes to an event, by answering where it ends, only when it is sure that the strict scanner finds no fault and the
 * plain check says yes; 0 means "not sure" of anything else, and is cheap to say. So it knows little: an object on one line
 * of strings, short numbers, booleans, nulls, and small objects and arrays of these, whose keys stand once.
 *
 * The body lies at BODY with zeros behind it. A zero is part of no token, so nothing here asks where the body ends: every
 * loop over bytes stops there, and what was read beyond the end of the event is told by the position that is answered.
 */

import {
  ACCEPTED,
  ARRAY_LOW,
  BODY,
  COLUMN_BYTES,
  COLUMNS,
  COUNT,
  ENDS,
  EXTRAS_TAKEN,
  FIRST,
  HAS_EXTRAS,
  INDEX,
  IS_REQUIRED,
  KEY,
  KEY_LENGTH,
  KINDS,
  NEXT,
  OBJECT_LOW,
  REQUIRED,
  STARTS,
} from '../layout';
import { CLOSE_OBJECT, COMMA, equal, OPEN_OBJECT, skipSpaces } from './byte';
import { heldKeys, otherKey } from './key';
import { beginNested, NO_COLUMN, value } from './value';

/** Comparisons with other keys than the expected ones that any event may cost: 16 keys in any order. */
const SEARCHES = 256;
const NESTED_LOW = OBJECT_LOW | ARRAY_LOW;

/** Keys that may still be compared in this event: where they stand in ever another order it must not cost the square. */
let searches = 0;

/** Reads the event at `from` of the body. The position after it, with HAS_EXTRAS, or 0. */
export function scan(from: i32): i32 {
  let at = BODY + from;
  if (load<u8>(at) !== OPEN_OBJECT) return 0;
  at = skipSpaces(at + 1);
  const count = load<i32>(COUNT);
  for (let i = 0; i < count; i += 8) v128.store(KINDS + 2 * i, i64x2.splat(0));
  searches = SEARCHES + 4 * count;
  beginNested();
  const extrasTaken = load<i32>(EXTRAS_TAKEN) !== 0;
  let missing = load<i32>(REQUIRED);
  if (load<u8>(at) === CLOSE_OBJECT) return missing === 0 ? at + 1 - BODY : 0;
  let slot = FIRST;
  while (true) {
    const expected = load<i32>(slot);
    const column = equal(at, expected + KEY, load<i32>(expected, KEY_LENGTH)) ? expected : find(at, expected);
    if (column < 0) return 0;
    if (column > 0) {
      store<i32>(slot, column);
      slot = column + NEXT;
      at += load<i32>(column, KEY_LENGTH);
    } else {
      at = extrasTaken ? otherKey(at, 0) : 0;
      if (at === 0) return 0;
    }
    const start = skipSpaces(at);
    const read = value(start, column);
    if (read === 0) return 0;
    at = read >> 8;
    if (column > 0) {
      const low = read & 0xff;
      const kind = (low & NESTED_LOW) === 0 ? low : low << 4;
      const index = load<i32>(column, INDEX);
      if ((load<i32>(column, ACCEPTED) & kind) === 0 || load<u16>(KINDS + 2 * index) !== 0) return 0;
      store<u16>(KINDS + 2 * index, kind as u16);
      store<i32>(STARTS + 4 * index, start - BODY);
      store<i32>(ENDS + 4 * index, at - BODY);
      missing -= load<i32>(column, IS_REQUIRED);
    }
    at = skipSpaces(at);
    if (load<u8>(at) !== COMMA) break;
    at = skipSpaces(at + 1);
  }
  if (load<u8>(at) !== CLOSE_OBJECT || missing !== 0) return 0;
  return (at + 1 - BODY) | (heldKeys() > 0 ? HAS_EXTRAS : 0);
}

/**
 * The column whose key stands at `at`, from the one behind `expected` on; NO_COLUMN: there is
 * none; -1: it was looked for too long.
 */
function find(at: i32, expected: i32): i32 {
  const end = COLUMNS + COLUMN_BYTES * load<i32>(COUNT);
  let column = expected;
  while (true) {
    column += COLUMN_BYTES;
    if (column >= end) column = COLUMNS;
    if (column === expected) return NO_COLUMN;
    if (--searches < 0) return -1;
    if (equal(at, column + KEY, load<i32>(column, KEY_LENGTH))) return column;
  }
}
