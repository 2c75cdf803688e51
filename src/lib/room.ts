/** The buffer, or a larger one with its first `used` bytes: there is room for `more` behind them. It doubles, so growing costs little in all. */
export function withRoom(buffer: Buffer, used: number, more: number): Buffer {
  const needed = used + more;
  if (needed <= buffer.length) return buffer;
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, buffer.length * 2));
  buffer.copy(larger, 0, 0, used);
  return larger;
}
