/** The bytes that JSON's grammar names, and one table that says which bytes a string may hold as they are. */
export const BYTE = {
  TAB: 0x09,
  LF: 0x0a,
  CR: 0x0d,
  SPACE: 0x20,
  QUOTE: 0x22,
  PLUS: 0x2b,
  COMMA: 0x2c,
  MINUS: 0x2d,
  DOT: 0x2e,
  ZERO: 0x30,
  NINE: 0x39,
  COLON: 0x3a,
  UPPER_E: 0x45,
  OPEN_ARRAY: 0x5b,
  BACKSLASH: 0x5c,
  CLOSE_ARRAY: 0x5d,
  LOWER_E: 0x65,
  LOWER_F: 0x66,
  LOWER_N: 0x6e,
  LOWER_T: 0x74,
  LOWER_U: 0x75,
  OPEN_OBJECT: 0x7b,
  CLOSE_OBJECT: 0x7d,
} as const;

export function isDigit(byte: number): boolean {
  return byte >= BYTE.ZERO && byte <= BYTE.NINE;
}

/** 1 for a byte that stands for itself in a string: all but control characters, `"` and `\`. UTF-8 is checked before. */
export const PLAIN: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < BYTE.SPACE || byte === BYTE.QUOTE || byte === BYTE.BACKSLASH ? 0 : 1,
);

/** The position of the first byte from `at`, at most `to`, that is no white space. */
export function skipSpace(bytes: Uint8Array, at: number, to: number): number {
  let i = at;
  while (i < to) {
    const byte = bytes[i];
    if (byte !== BYTE.SPACE && byte !== BYTE.LF && byte !== BYTE.CR && byte !== BYTE.TAB) break;
    i++;
  }
  return i;
}

/**
 * Says where a byte stands in a text: `line 1, column 9`, both from 1, columns in bytes. It goes on from where it was
 * asked last, so that ten thousand faults in one body are found in one walk over it.
 */
export class Positions {
  #bytes: Uint8Array | null = null;
  #at = 0;
  #line = 1;
  #start = 0;

  of(bytes: Uint8Array, at: number): string {
    if (bytes !== this.#bytes || at < this.#at) {
      this.#bytes = bytes;
      this.#at = 0;
      this.#line = 1;
      this.#start = 0;
    }
    for (; this.#at < at; this.#at++) {
      if (bytes[this.#at] !== BYTE.LF) continue;
      this.#line += 1;
      this.#start = this.#at + 1;
    }
    return `line ${this.#line}, column ${at - this.#start + 1}`;
  }
}

export function positionOf(bytes: Uint8Array, at: number): string {
  return new Positions().of(bytes, at);
}

/** Bytes as Latin-1: Buffer's own reader, at a quarter of the cost of `toString`, which looks the encoding up each time. */
export function latin1(bytes: Buffer, from: number, to: number): string {
  return (bytes as Buffer & { latin1Slice(from: number, to: number): string }).latin1Slice(from, to);
}
