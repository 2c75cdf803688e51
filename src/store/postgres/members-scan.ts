const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x0a;

/**
 * Finds where the values of known members lie in the bytes of one event: `../members.ts` without a string for each. The
 * JSON must be valid; intake has seen to that. Events of a dataset mostly have their members in one order, so each
 * member is first compared with the one that stood in its place before.
 */
export class MembersScan {
  /** By member: where its value begins and ends; 0 for a member that is missing. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly #names: readonly Buffer[];
  readonly #byName: ReadonlyMap<string, number>;
  readonly #expected: number[] = [];

  constructor(names: readonly string[]) {
    this.#names = names.map((name) => Buffer.from(name));
    this.#byName = new Map(names.map((name, at) => [name, at]));
    this.starts = new Int32Array(names.length);
    this.ends = new Int32Array(names.length);
  }

  /** Reads the object in `bytes[from, to)`. */
  read(bytes: Buffer, from: number, to: number): void {
    this.starts.fill(0);
    this.ends.fill(0);
    let place = 0;
    let at = skipSpace(bytes, skipSpace(bytes, from) + 1);
    while (at < to && bytes[at] === QUOTE) {
      const nameEnd = stringEnd(bytes, at);
      const start = skipSpace(bytes, skipSpace(bytes, nameEnd) + 1);
      const end = valueEnd(bytes, start);
      const member = this.#memberAt(bytes, { from: at + 1, to: nameEnd - 1 }, place);
      if (member >= 0) {
        this.starts[member] = start;
        this.ends[member] = end;
      }
      place += 1;
      at = skipSpace(bytes, end);
      if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
    }
  }

  #memberAt(bytes: Buffer, name: { from: number; to: number }, place: number): number {
    const expected = this.#expected[place] ?? -1;
    if (expected >= 0 && same(bytes, name, this.#names[expected])) return expected;
    const raw = bytes.toString('utf8', name.from, name.to);
    const found = this.#byName.get(raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw) ?? -1;
    this.#expected[place] = found;
    return found;
  }
}

function same(bytes: Buffer, { from, to }: { from: number; to: number }, name: Buffer | undefined): boolean {
  if (name?.length !== to - from) return false;
  for (let i = 0; i < name.length; i += 1) if (bytes[from + i] !== name[i]) return false;
  return true;
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (isSpace(bytes[at])) at += 1;
  return at;
}

/** One past the closing quote of the string that opens at `from`. */
function stringEnd(bytes: Buffer, from: number): number {
  let at = from + 1;
  for (;;) {
    const byte = bytes[at];
    if (byte === QUOTE || byte === undefined) return at + 1;
    at += byte === BACKSLASH ? 2 : 1;
  }
}

function valueEnd(bytes: Buffer, from: number): number {
  const first = bytes[from];
  if (first === QUOTE) return stringEnd(bytes, from);
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return nestedEnd(bytes, from);
  let at = from;
  for (;;) {
    const byte = bytes[at];
    if (byte === undefined || byte === COMMA || byte === CLOSE_OBJECT || isSpace(byte)) return at;
    at += 1;
  }
}

function nestedEnd(bytes: Buffer, from: number): number {
  let depth = 0;
  let at = from;
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = stringEnd(bytes, at);
      continue;
    }
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth += 1;
    if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth -= 1;
    at += 1;
    if (depth === 0) return at;
  }
  return at;
}
