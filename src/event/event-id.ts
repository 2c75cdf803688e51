import type { RowError } from '../error/azud-error.ts';
import { INTAKE_LIMITS } from '../limits.ts';
import { BYTE, latin1 } from './json/byte.ts';
import { hasControl } from './json/key-table.ts';
import { KIND } from './json/number.ts';
import type { Found } from './json/scanner.ts';
import { pointer } from './pointer.ts';

/** A string of 1 to 128 bytes without control characters, whoever gives it. Answers what is wrong, or null. */
export function idFault(id: string): string | null {
  if (id === '') return 'is empty';
  const bytes = Buffer.byteLength(id);
  if (bytes > INTAKE_LIMITS.idBytesMax) return `has ${bytes} bytes, at most ${INTAKE_LIMITS.idBytesMax} are taken`;
  return hasControl(id) ? 'has control characters' : null;
}

/** The event's id from the top-level property `name`, which is the declared name `index`. */
export function readEventId(
  bytes: Buffer,
  found: Found,
  { name, index }: { name: string; index: number },
): string | RowError {
  const invalid = (fault: string): RowError => {
    const path = pointer(name);
    return { path, code: 'invalid_id', message: `the event id at ${path} ${fault}` };
  };
  if (found.kinds[index] === 0) return invalid('is missing');
  const [from, to] = [found.starts[index] as number, found.ends[index] as number];
  switch (found.kinds[index]) {
    case KIND.INTEGER:
    case KIND.LONG_INTEGER:
      // The literal itself: an id of 20 digits stays exact.
      return latin1(bytes, from, to);
    case KIND.STRING:
    case KIND.ESCAPED: {
      if (isVisible(bytes, from + 1, to - 1)) return latin1(bytes, from + 1, to - 1);
      const text = bytes.toString('utf8', from, to);
      const id = found.kinds[index] === KIND.STRING ? text.slice(1, -1) : (JSON.parse(text) as string);
      const fault = idFault(id);
      return fault ? invalid(fault) : id;
    }
    default:
      return invalid('is neither a string nor an integer');
  }
}

/** Most ids: 1 to 128 bytes of ASCII that stand for themselves in JSON. */
function isVisible(bytes: Buffer, from: number, to: number): boolean {
  if (from === to || to - from > INTAKE_LIMITS.idBytesMax) return false;
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number;
    if (byte < 0x20 || byte > 0x7e || byte === BYTE.BACKSLASH) return false;
  }
  return true;
}
