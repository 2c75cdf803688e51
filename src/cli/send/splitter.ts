import { AzudError } from '../../error/azud-error.ts';

export const FILE_FORMATS = ['json', 'ndjson', 'csv'] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

/** Longest event that is read before giving up, bytes: far above what any server takes, far below what memory holds. */
const EVENT_BYTES_MAX = 16 * 1024 * 1024;

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Finds the end of the next event in bytes that come in chunks; remembers where it was between them. */
interface Scanner {
  /** Index after the next event's last byte, or -1 when the bytes end before it. */
  end(bytes: Buffer, from: number): number;
}

/**
 * The events of a file one by one, as the bytes they are, in constant memory. Blank lines are left out.
 * A CSV's first record is its header and comes first.
 * @throws AzudError `line-too-long`; `invalid-json` for a JSON file that is neither an array nor objects
 */
export async function* splitEvents(chunks: AsyncIterable<Buffer | string>, format: FileFormat): AsyncGenerator<Buffer> {
  const scanner = format === 'json' ? jsonScanner() : format === 'csv' ? csvScanner() : lineScanner;
  let rest: Buffer = Buffer.alloc(0);
  let first = true;
  for await (const chunk of chunks) {
    let bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (first && bytes.subarray(0, 3).equals(BYTE_ORDER_MARK)) bytes = bytes.subarray(3);
    first = false;
    const scanned = rest.length;
    if (scanned > 0) bytes = Buffer.concat([rest, bytes]);
    let start = 0;
    for (let end = scanner.end(bytes, scanned); end >= 0; end = scanner.end(bytes, end)) {
      const event = trimmed(bytes.subarray(start, end), format);
      start = end;
      if (event.length > 0) yield event;
    }
    rest = bytes.subarray(start);
    if (rest.length > EVENT_BYTES_MAX) {
      throw new AzudError(
        'line-too-long',
        `one event is longer than ${EVENT_BYTES_MAX} bytes; is this really ${format}?`,
      );
    }
  }
  const last = trimmed(rest, format);
  if (last.length === 0) return;
  if (format === 'json') throw new AzudError('invalid-json', 'the file ends in the middle of an event');
  yield last;
}

const lineScanner: Scanner = {
  end: (bytes, from) => bytes.indexOf(NEWLINE, from) + 1 || -1,
};

/** A newline within quotes belongs to its cell. A doubled quote turns the state twice, which is right. */
function csvScanner(): Scanner {
  let quoted = false;
  return {
    end(bytes, from) {
      for (let i = from; i < bytes.length; i++) {
        const byte = bytes[i];
        if (byte === QUOTE) quoted = !quoted;
        else if (byte === NEWLINE && !quoted) return i + 1;
      }
      return -1;
    },
  };
}

/** The elements of a top-level array, or objects one after the other. */
function jsonScanner(): Scanner {
  let depth = 0;
  let inString = false;
  let escaped = false;
  return {
    end(bytes, from) {
      for (let i = from; i < bytes.length; i++) {
        const byte = bytes[i];
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === BACKSLASH) escaped = true;
          else if (byte === QUOTE) inString = false;
        } else if (byte === QUOTE) inString = true;
        else if (byte === OPEN_OBJECT || (byte === OPEN_LIST && depth > 0)) depth++;
        else if ((byte === CLOSE_OBJECT || byte === CLOSE_LIST) && depth > 0 && --depth === 0) return i + 1;
        else if (depth === 0) refuseStray(byte);
      }
      return -1;
    },
  };
}

function refuseStray(byte: number | undefined): void {
  const allowed = [OPEN_LIST, CLOSE_LIST, COMMA, 0x20, 0x09, RETURN, NEWLINE];
  if (byte !== undefined && !allowed.includes(byte)) {
    throw new AzudError(
      'invalid-json',
      `the file is neither an array of objects nor objects: "${String.fromCharCode(byte)}" stands between them`,
    );
  }
}

/** Without the line's end; for JSON without what stands between the elements. */
function trimmed(bytes: Buffer, format: FileFormat): Buffer {
  let start = 0;
  let end = bytes.length;
  if (format === 'json') {
    while (start < end && bytes[start] !== OPEN_OBJECT) start++;
    return bytes.subarray(start, end);
  }
  if (bytes[end - 1] === NEWLINE) end--;
  if (bytes[end - 1] === RETURN) end--;
  return bytes.toString('latin1', start, Math.min(end, start + 64)).trim() === '' && isBlank(bytes.subarray(start, end))
    ? bytes.subarray(0, 0)
    : bytes.subarray(start, end);
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09);
}
