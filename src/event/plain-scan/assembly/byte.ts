/** The bytes that the plain scan knows by name; `byte.ts` of the strict scanner has them as an object, which AssemblyScript has not. */
export const SPACE = 0x20;
export const QUOTE = 0x22;
export const PLUS = 0x2b;
export const COMMA = 0x2c;
export const MINUS = 0x2d;
export const DOT = 0x2e;
export const SLASH = 0x2f;
export const ZERO = 0x30;
export const COLON = 0x3a;
export const UPPER_T = 0x54;
export const UPPER_Z = 0x5a;
export const OPEN_ARRAY = 0x5b;
export const BACKSLASH = 0x5c;
export const CLOSE_ARRAY = 0x5d;
export const UNDERSCORE = 0x5f;
export const LOWER_B = 0x62;
export const LOWER_F = 0x66;
export const LOWER_N = 0x6e;
export const LOWER_R = 0x72;
export const LOWER_T = 0x74;
export const LOWER_U = 0x75;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
export const DELETE = 0x7f;

export function isDigit(byte: i32): bool {
  return byte >= ZERO && byte < ZERO + 10;
}

export function skipSpaces(at: i32): i32 {
  while (load<u8>(at) === SPACE) at++;
  return at;
}

/** How many digits stand there, 16 for as many or more. */
export function digitsAt(at: i32): i32 {
  return ctz(~digitBits(at));
}

/** Which of the 16 bytes are digits, as bits. */
export function digitBits(at: i32): i32 {
  const bytes = i8x16.sub(v128.load(at), i8x16.splat(ZERO as i8));
  return i8x16.bitmask(i8x16.lt_u(bytes, i8x16.splat(10)));
}

/** Are so many bytes the same? There is memory behind both. */
export function equal(a: i32, b: i32, length: i32): bool {
  while (true) {
    const same: i32 = i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b)));
    if (length < 16) {
      const wanted: i32 = (1 << length) - 1;
      return (same & wanted) === wanted;
    }
    if (same !== 0xffff) return false;
    a += 16;
    b += 16;
    length -= 16;
  }
}
