import { AzudError } from '../error/azud-error.ts';
import { BYTE, positionOf, skipSpace } from '../event/json/byte.ts';
import type { Validator } from '../event/validator.ts';
import type { Draft } from './draft.ts';

/** One event, or an array of them. @throws AzudError `invalid-json`, `too-deep` wherever it stands, and those of `draft` */
export function readJson(body: Buffer, validator: Validator, draft: Draft): void {
  validator.begin(body);
  const clean = !body.includes(BYTE.LF) && !body.includes(BYTE.CR);
  const start = skipSpace(body, 0, body.length);
  if (body[start] !== BYTE.OPEN_ARRAY) {
    const end = validator.read(body, start, body.length);
    refuseLines(body, end);
    validator.scanner.expectEnd(body, end, body.length);
    draft.take(validator, { body, from: start, to: end, clean });
    return;
  }
  readElements(body, start, (from) => {
    const to = validator.read(body, from, body.length);
    draft.take(validator, { body, from, to, clean });
    return to;
  });
}

/** A second object behind the first is NDJSON that came as JSON: the hint says so. */
function refuseLines(body: Buffer, from: number): void {
  const at = skipSpace(body, from, body.length);
  if (body[at] !== BYTE.OPEN_OBJECT) return;
  throw new AzudError('invalid-json', `expected the end, found { at ${positionOf(body, at)}`, {
    hint: 'For several events send an array, or lines with Content-Type: application/x-ndjson.',
  });
}

/**
 * Walks the elements of the array that begins at `start`. `read` is given the first byte of an element and answers the
 * position after it. @throws AzudError `invalid-json`
 */
export function readElements(body: Buffer, start: number, read: (from: number) => number): void {
  const end = body.length;
  let at = skipSpace(body, start + 1, end);
  if (body[at] !== BYTE.CLOSE_ARRAY) {
    for (;;) {
      at = skipSpace(body, read(at), end);
      if (body[at] === BYTE.CLOSE_ARRAY) break;
      if (body[at] !== BYTE.COMMA) throw expected('a comma or ]', body, at);
      at = skipSpace(body, at + 1, end);
    }
  }
  const after = skipSpace(body, at + 1, end);
  if (after < end) throw expected('the end', body, after);
}

function expected(what: string, body: Buffer, at: number): AzudError {
  return new AzudError('invalid-json', `expected ${what} at ${positionOf(body, at)}`);
}
