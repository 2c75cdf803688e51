import { ESCAPED, STRING } from '../layout';
import {
  BACKSLASH,
  isDigit,
  LOWER_B,
  LOWER_F,
  LOWER_N,
  LOWER_R,
  LOWER_T,
  LOWER_U,
  QUOTE,
  SLASH,
  SPACE,
  ZERO,
} from './byte';

/** Reads from behind the opening quote. Its end and, in the lowest byte, its kind; 0 for "not sure". */
export function string(at: i32): i32 {
  let kind: i32 = STRING;
  while (true) {
    const bytes = v128.load(at);
    const quotes = i8x16.eq(bytes, i8x16.splat(QUOTE as i8));
    const others = v128.or(i8x16.eq(bytes, i8x16.splat(BACKSLASH as i8)), i8x16.lt_u(bytes, i8x16.splat(SPACE as i8)));
    const stops: i32 = i8x16.bitmask(v128.or(quotes, others));
    if (stops !== 0) {
      at += ctz(stops);
      const byte: i32 = load<u8>(at);
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
function escapeEnd(at: i32): i32 {
  const byte: i32 = load<u8>(at);
  if (byte !== LOWER_U) {
    const simple = byte === QUOTE || byte === BACKSLASH || byte === SLASH || byte === LOWER_B || byte === LOWER_F;
    return simple || byte === LOWER_N || byte === LOWER_R || byte === LOWER_T ? at + 1 : 0;
  }
  const unit = hex4(at + 1);
  if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) return 0;
  if (unit < 0xd800 || unit > 0xdfff) return at + 5;
  const low = load<u8>(at + 5) === BACKSLASH && load<u8>(at + 6) === LOWER_U ? hex4(at + 7) : -1;
  return low >= 0xdc00 && low <= 0xdfff ? at + 11 : 0;
}

/** Four hexadecimal digits as a number, negative when they are none. */
function hex4(at: i32): i32 {
  return (hex(at) << 12) | (hex(at + 1) << 8) | (hex(at + 2) << 4) | hex(at + 3);
}

function hex(at: i32): i32 {
  const byte: i32 = load<u8>(at);
  if (isDigit(byte)) return byte - ZERO;
  const letter = (byte | 0x20) - 0x61;
  return letter >= 0 && letter < 6 ? letter + 10 : -1;
}
