/** Bytes from `from` up to `to` of a larger buffer. */
export interface Span {
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
}

export function spanOf(whole: Buffer): Span {
  return { bytes: whole, from: 0, to: whole.length };
}

export function lengthOf({ from, to }: Span): number {
  return to - from;
}
