import { isUtf8 } from 'node:buffer';
import { AzudError, isAzudError } from '../error/azud-error.ts';
import { BYTE, skipSpace } from '../event/json/byte.ts';
import { rowErrorOf, type Validator } from '../event/validator.ts';
import { INTAKE_LIMITS } from '../limits.ts';
import type { Draft } from './draft.ts';

/**
 * One event a line. Lines end with LF or CRLF, blank ones are passed over and not counted, and each stands alone: whatever
 * is wrong with one refuses that row only. @throws AzudError `line-too-long`, and those of `draft`
 */
export function readNdjson(body: Buffer, validator: Validator, draft: Draft): void {
  const whole = isUtf8(body);
  const clean = !body.includes(BYTE.CR);
  validator.begin(body);
  for (let from = 0; from < body.length; ) {
    const end = whole ? validator.readPlain(body, from, body.length) : 0;
    const after = body[end] === BYTE.CR ? end + 1 : end;
    if (end > 0 && (after === body.length || body[after] === BYTE.LF)) {
      draft.take(validator, { body, from, to: end, clean: true });
      from = after + 1;
      continue;
    }
    const lf = body.indexOf(BYTE.LF, from);
    const next = lf === -1 ? body.length : lf;
    const to = next > from && body[next - 1] === BYTE.CR ? next - 1 : next;
    const start = body[from] === BYTE.OPEN_OBJECT ? from : skipSpace(body, from, to);
    if (start < to) {
      if (to - start > INTAKE_LIMITS.eventBytesMax) throw tooLong(to - start);
      readLine({ body, from: start, to, clean }, { validator, draft, utf8: whole || isUtf8(body.subarray(start, to)) });
    }
    from = next + 1;
  }
}

interface LineReader {
  readonly validator: Validator;
  readonly draft: Draft;
  readonly utf8: boolean;
}

function readLine(line: Parameters<Draft['take']>[1], { validator, draft, utf8 }: LineReader): void {
  try {
    if (!utf8) throw new AzudError('invalid-utf8', 'the line is not valid UTF-8');
    validator.readWhole(line.body, line.from, line.to);
  } catch (error) {
    if (!isAzudError(error)) throw error;
    const original = line.body.subarray(line.from, line.to);
    draft.refuse(validator.dataset.name, { errors: [rowErrorOf(error)], original, eventId: null });
    return;
  }
  draft.take(validator, line);
}

function tooLong(bytes: number): AzudError {
  return new AzudError('line-too-long', `a line has ${bytes} bytes, at most ${INTAKE_LIMITS.eventBytesMax} are taken`);
}
