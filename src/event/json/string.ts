import { BYTE, PLAIN } from './byte.ts';

export interface EscapesRead {
  /** Position after the closing quote, or of the problem. */
  readonly end: number;
  /** False when some `\u` escape is half of a surrogate pair. */
  readonly wellFormed: boolean;
  /** What is wrong with the grammar, null when nothing is. */
  readonly problem: string | null;
}

const SIMPLE = new Set([...'"\\/bfnrt'].map((char) => char.charCodeAt(0)));

/** Reads on in a string from `at`, where the first byte stands that is not plain. */
export function readEscapes(bytes: Uint8Array, at: number, to: number): EscapesRead {
  let wellFormed = true;
  /** A high surrogate waits for its low half, which must be the very next thing. */
  let high = false;
  let i = at;
  while (i < to) {
    const byte = bytes[i] as number;
    if (byte === BYTE.QUOTE) return { end: i + 1, wellFormed: wellFormed && !high, problem: null };
    if (byte !== BYTE.BACKSLASH) {
      if (PLAIN[byte] !== 1) return { end: i, wellFormed, problem: 'a control character stands in a string' };
      if (high) wellFormed = false;
      high = false;
      i++;
      continue;
    }
    const unit = bytes[i + 1] === BYTE.LOWER_U ? hex4(bytes, i + 2, to) : 0;
    const known = unit >= 0 && (bytes[i + 1] === BYTE.LOWER_U || SIMPLE.has(bytes[i + 1] as number));
    if (!known || i + 1 >= to) return { end: i, wellFormed, problem: 'an escape is not valid' };
    const low = unit >= 0xdc00 && unit <= 0xdfff;
    if (low !== high) wellFormed = false;
    high = unit >= 0xd800 && unit <= 0xdbff;
    i += bytes[i + 1] === BYTE.LOWER_U ? 6 : 2;
  }
  return { end: to, wellFormed, problem: 'a string has no end' };
}

/** Four hexadecimal digits as a number, -1 when they are none. */
function hex4(bytes: Uint8Array, at: number, to: number): number {
  if (at + 4 > to) return -1;
  let value = 0;
  for (let i = at; i < at + 4; i++) {
    const digit = hexDigit(bytes[i] as number);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
