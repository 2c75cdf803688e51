import { isUtf8 } from 'node:buffer';
import { AzudError } from '../error/azud-error.ts';
import { positionOf } from '../event/json/byte.ts';

const BOM = [0xef, 0xbb, 0xbf];

/** The body without a byte order mark. */
export function withoutBom(body: Buffer): Buffer {
  return BOM.every((byte, i) => body[i] === byte) ? body.subarray(BOM.length) : body;
}

/** @throws AzudError `invalid-utf8` with the position of the first bad byte */
export function requireUtf8(body: Buffer): void {
  if (isUtf8(body)) return;
  throw new AzudError('invalid-utf8', `the body is not valid UTF-8 at ${positionOf(body, firstInvalid(body))}`);
}

/** Decoding marks a bad byte with U+FFFD; one that the sender wrote has three bytes of its own. */
function firstInvalid(body: Buffer): number {
  const text = body.toString();
  let at = 0;
  let from = 0;
  for (let mark = text.indexOf('\ufffd'); mark !== -1; mark = text.indexOf('\ufffd', from)) {
    at += Buffer.byteLength(text.slice(from, mark));
    if (body[at] !== 0xef || body[at + 1] !== 0xbf || body[at + 2] !== 0xbd) return at;
    at += 3;
    from = mark + 1;
  }
  return at;
}
