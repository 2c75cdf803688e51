import { AzudError } from '../../error/azud-error.ts';
import type { ErrorCode } from '../../error/catalogue.ts';
import { JSON_LIMITS } from '../../limits.ts';
import { pointer } from '../pointer.ts';
import { BYTE, isDigit, PLAIN, Positions, skipSpace } from './byte.ts';
import { KEY_FAULT, KeyTable } from './key-table.ts';
import { KIND, readNumber } from './number.ts';
import { readEscapes } from './string.ts';

/** Key id where there is none: the table is full, or the key is too long to be kept. */
const NO_KEY = -1;

export interface ScannerOptions {
  /** Top-level keys that begin with `_` are a fault; true unless told otherwise. */
  readonly reservesUnderscore?: boolean;
  readonly depthMax?: number;
}

/** Where the values of the declared names lie in an event, each by its name's index. */
export interface Found {
  /** Of each declared name: its value's KIND, 0 when it is not there. */
  readonly kinds: Uint16Array;
  /** First byte of each value, and the byte after its last. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/**
 * A strict JSON scanner over bytes that are known to be UTF-8. It accepts what `JSON.parse` accepts, less what two
 * readers could understand differently or no store could keep: keys twice, halves of surrogate pairs, numbers out of
 * range, keys that collide with the language, and everything above JSON_LIMITS.
 *
 * It tells faults of syntax (thrown: nobody knows where the event ends) from faults of meaning (kept in `fault`: the scan
 * goes on). It allocates nothing per event: keys are interned, the key expected next is compared byte by byte (events of
 * a stream have the same keys in the same order), and a key was seen in this object when its stamp is the object's.
 *
 * For the declared names it reports where each top-level value lies and of what kind it is.
 */
export class JsonScanner implements Found {
  /** First fault of meaning in the last event, null when there is none. */
  fault: AzudError | null = null;
  /** KIND of the last event as a whole. */
  kind = 0;
  /** True when the last event has a top-level key that is not declared. */
  undeclared = false;
  /** Of the last event. */
  readonly kinds: Uint16Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly #keys: KeyTable;
  readonly #reservesUnderscore: boolean;
  readonly #depthMax: number;
  /** `#stamps[depth][key]` is the serial of the object at that depth in which the key was seen last. */
  readonly #stamps: Uint32Array[] = [];
  /** The key that followed: [key before it], [capacity + key that holds the object] for the first one. */
  readonly #successors: Int32Array;
  readonly #root: number;
  readonly #positions = new Positions();
  #serial = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  #keyCount = 0;
  #keyEnd = 0;
  #topKey = NO_KEY;

  constructor(declared: readonly string[], options: ScannerOptions = {}) {
    const { reservesUnderscore = true, depthMax = JSON_LIMITS.depthMax } = options;
    this.#keys = new KeyTable(declared);
    this.#reservesUnderscore = reservesUnderscore;
    this.#depthMax = depthMax;
    this.kinds = new Uint16Array(declared.length);
    this.starts = new Int32Array(declared.length);
    this.ends = new Int32Array(declared.length);
    this.#root = 2 * this.#keys.capacity;
    this.#successors = new Int32Array(this.#root + 1).fill(NO_KEY);
  }

  /**
   * Reads one value of `bytes` that begins at `from` (white space may come first) and ends at or before `to`.
   * Answers the position after it. @throws AzudError `invalid-json`, `too-deep`
   */
  read(bytes: Uint8Array, from: number, to: number): number {
    this.#bytes = bytes;
    this.#end = to;
    this.#keyCount = 0;
    this.#topKey = NO_KEY;
    this.fault = null;
    this.undeclared = false;
    if (this.#keys.makeRoom()) this.#successors.fill(NO_KEY);
    if (this.#serial > 0xf0000000) this.#restartSerials();
    this.kinds.fill(0);
    const end = this.#value(this.#skip(from), 0, this.#root - this.#keys.capacity);
    if (end > to) throw this.#unexpected(to);
    return end;
  }

  /** @throws AzudError `invalid-json` unless only white space stands between `at` and `to` */
  expectEnd(bytes: Uint8Array, at: number, to: number): void {
    this.#bytes = bytes;
    this.#end = to;
    const end = this.#skip(at);
    if (end < this.#end) throw this.#unexpected(end, 'the end');
  }

  /** Is the declared name of this index in the last event? Meaningful when the event is an object. */
  has(index: number): boolean {
    return this.kinds[index] !== 0;
  }

  #skip(at: number): number {
    return skipSpace(this.#bytes, at, this.#end);
  }

  #value(at: number, depth: number, key: number): number {
    const bytes = this.#bytes;
    const byte = at < this.#end ? bytes[at] : -1;
    if (byte === BYTE.QUOTE) {
      let i = at + 1;
      while (PLAIN[bytes[i] as number] === 1) i++;
      if (bytes[i] === BYTE.QUOTE && i < this.#end) {
        this.kind = KIND.STRING;
        return i + 1;
      }
      return this.#string(at + 1);
    }
    switch (byte) {
      case BYTE.OPEN_OBJECT:
        return this.#object(at + 1, depth + 1, key);
      case BYTE.OPEN_ARRAY:
        return this.#array(at + 1, depth + 1, key);
      case BYTE.LOWER_T:
        return this.#literal(at, 'true', KIND.BOOLEAN);
      case BYTE.LOWER_F:
        return this.#literal(at, 'false', KIND.BOOLEAN);
      case BYTE.LOWER_N:
        return this.#literal(at, 'null', KIND.NULL);
      default:
        return this.#number(at);
    }
  }

  #object(at: number, depth: number, parent: number): number {
    const bytes = this.#bytes;
    const stamps = this.#enter(depth, at);
    const serial = ++this.#serial;
    let slot = this.#keys.capacity + parent;
    let i = this.#skip(at);
    if (bytes[i] === BYTE.CLOSE_OBJECT && i < this.#end) {
      this.kind = KIND.OBJECT;
      return i + 1;
    }
    for (;;) {
      const key = this.#key(i, slot);
      if (depth === 1) this.#topKey = key;
      if (key !== NO_KEY) {
        if (stamps[key] === serial) this.#report('duplicate-key', `the key stands twice`, i, key);
        stamps[key] = serial;
        slot = key;
        if (this.#keys.faults[key] !== KEY_FAULT.NONE) this.#reportKey(key, depth, parent, i);
      }
      i = this.#keyEnd;
      if (bytes[i] !== BYTE.COLON) i = this.#skip(i);
      if (bytes[i] !== BYTE.COLON || i >= this.#end) throw this.#unexpected(i, 'a colon');
      i++;
      if ((bytes[i] as number) <= BYTE.SPACE) i = this.#skip(i);
      const start = i;
      i = this.#value(i, depth, key);
      if (depth === 1) this.#noteTop(key, start, i);
      if ((bytes[i] as number) <= BYTE.SPACE) i = this.#skip(i);
      const byte = i < this.#end ? bytes[i] : -1;
      if (byte === BYTE.CLOSE_OBJECT) break;
      if (byte !== BYTE.COMMA) throw this.#unexpected(i, 'a comma or }');
      i++;
      if ((bytes[i] as number) <= BYTE.SPACE) i = this.#skip(i);
    }
    this.kind = KIND.OBJECT;
    return i + 1;
  }

  #array(at: number, depth: number, key: number): number {
    this.#enter(depth, at);
    let i = this.#skip(at);
    if (this.#bytes[i] === BYTE.CLOSE_ARRAY && i < this.#end) {
      this.kind = KIND.ARRAY;
      return i + 1;
    }
    for (;;) {
      i = this.#skip(this.#value(i, depth, key));
      const byte = i < this.#end ? this.#bytes[i] : -1;
      if (byte === BYTE.CLOSE_ARRAY) break;
      if (byte !== BYTE.COMMA) throw this.#unexpected(i, 'a comma or ]');
      i = this.#skip(i + 1);
    }
    this.kind = KIND.ARRAY;
    return i + 1;
  }

  /** Reads the key whose quote stands at `at`; answers its id and leaves the position after it in `#keyEnd`. */
  #key(at: number, slot: number): number {
    const bytes = this.#bytes;
    const from = at + 1;
    const expected = this.#successors[slot] as number;
    if (bytes[at] !== BYTE.QUOTE || at >= this.#end) throw this.#unexpected(at, 'a key in double quotes');
    if (++this.#keyCount > JSON_LIMITS.keysMax) return this.#keyBeyond(from);
    if (expected !== NO_KEY) {
      const { arena } = this.#keys;
      const length = this.#keys.lengths[expected] as number;
      const shift = (this.#keys.starts[expected] as number) - from;
      const to = from + length;
      let i = from;
      while (i < to && bytes[i] === arena[shift + i]) i++;
      if (i === to && bytes[to] === BYTE.QUOTE) {
        this.#keyEnd = to + 1;
        return expected;
      }
    }
    return this.#otherKey(from, slot);
  }

  #otherKey(from: number, slot: number): number {
    const end = this.#string(from);
    this.#keyEnd = end;
    const escaped = this.kind === KIND.ESCAPED;
    const text = escaped ? Buffer.from(JSON.parse(this.#text(from - 1, end)) as string) : null;
    const length = text ? text.length : end - 1 - from;
    if (length > JSON_LIMITS.keyBytesMax) {
      this.#report('invalid-key', `a key has ${length} bytes, at most ${JSON_LIMITS.keyBytesMax} are taken`, from);
      return NO_KEY;
    }
    if (text) return this.#keys.intern(text, 0, length);
    const key = this.#keys.intern(this.#bytes, from, end - 1);
    // Only keys that were written without escapes are expected again: their bytes are the bytes in the table.
    this.#successors[slot] = key;
    return key;
  }

  #keyBeyond(from: number): number {
    this.#report('too-many-keys', `the event has more than ${JSON_LIMITS.keysMax} keys`, from);
    this.#keyEnd = this.#string(from);
    return NO_KEY;
  }

  #noteTop(key: number, start: number, end: number): void {
    if (key === NO_KEY || key >= this.#keys.declaredCount) {
      this.undeclared = true;
      return;
    }
    this.kinds[key] = this.kind;
    this.starts[key] = start;
    this.ends[key] = end;
  }

  #string(from: number): number {
    const bytes = this.#bytes;
    let i = from;
    while (PLAIN[bytes[i] as number] === 1) i++;
    if (bytes[i] === BYTE.QUOTE && i < this.#end) {
      this.kind = KIND.STRING;
      return i + 1;
    }
    const read = readEscapes(bytes, i, this.#end);
    if (read.problem) throw this.#syntax(read.problem, read.end);
    if (!read.wellFormed) this.#report('invalid-unicode', 'a string holds half of a surrogate pair', from);
    this.kind = KIND.ESCAPED;
    return read.end;
  }

  #number(at: number): number {
    const bytes = this.#bytes;
    let i = at;
    if (bytes[i] === BYTE.MINUS) i++;
    const first = bytes[i] as number;
    if (first > BYTE.ZERO && first <= BYTE.NINE) {
      const from = i;
      while (isDigit(bytes[i] as number)) i++;
      // The common cases: up to 15 digits, with or without a point among them.
      let digits = i - from;
      let kind: number = KIND.INTEGER;
      if (bytes[i] === BYTE.DOT && isDigit(bytes[i + 1] as number)) {
        i += 2;
        while (isDigit(bytes[i] as number)) i++;
        digits = i - from - 1;
        kind = KIND.FLOAT;
      }
      const after = bytes[i] as number;
      if (digits <= 15 && after !== BYTE.DOT && after !== BYTE.LOWER_E && after !== BYTE.UPPER_E) {
        this.kind = kind;
        return i;
      }
    }
    const number = readNumber(bytes, at, this.#end);
    if (number.kind === 0) throw this.#unexpected(number.end);
    if (number.problem) this.#report('number-range', number.problem, at);
    this.kind = number.kind;
    return number.end;
  }

  #literal(at: number, word: string, kind: number): number {
    for (let i = 0; i < word.length; i++) {
      if (at + i >= this.#end || this.#bytes[at + i] !== word.charCodeAt(i)) throw this.#unexpected(at);
    }
    this.kind = kind;
    return at + word.length;
  }

  #enter(depth: number, at: number): Uint32Array {
    if (depth > this.#depthMax) {
      const where = this.#positions.of(this.#bytes, at - 1);
      throw new AzudError('too-deep', `more than ${this.#depthMax} levels at ${where}`);
    }
    let stamps = this.#stamps[depth];
    while (stamps === undefined) {
      this.#stamps.push(new Uint32Array(this.#keys.capacity));
      stamps = this.#stamps[depth];
    }
    return stamps;
  }

  #restartSerials(): void {
    for (const stamps of this.#stamps) stamps.fill(0);
    this.#serial = 0;
  }

  #reportKey(key: number, depth: number, parent: number, at: number): void {
    const fault = this.#keys.faults[key];
    if (fault === KEY_FAULT.FORBIDDEN || (fault === KEY_FAULT.PROTOTYPE && parent === this.#keys.constructorId)) {
      this.#report('forbidden-key', 'the key is not allowed', at, key);
    } else if (fault === KEY_FAULT.INVALID) {
      this.#report('invalid-key', 'a key is empty or has control characters', at);
    } else if (fault === KEY_FAULT.RESERVED && depth === 1 && this.#reservesUnderscore) {
      this.#report('reserved-key', 'keys that begin with an underscore are reserved', at, key);
    }
  }

  /** Keeps the first fault of meaning. Its path is the top-level property that the fault stands in. */
  #report(code: ErrorCode, what: string, at: number, key = NO_KEY): void {
    if (this.fault) return;
    const top = this.#topKey === NO_KEY ? '' : pointer(this.#keys.nameOf(this.#topKey));
    const named = key === NO_KEY ? '' : ` (${JSON.stringify(this.#keys.nameOf(key).slice(0, 60))})`;
    this.fault = new AzudError(code, `${what}${named} at ${this.#positions.of(this.#bytes, at)}`, { path: top });
  }

  #unexpected(at: number, expected = 'a value'): AzudError {
    const byte = at < this.#end ? this.#bytes[at] : undefined;
    const found =
      byte === undefined ? 'the end' : byte < 0x7f && byte > BYTE.SPACE ? String.fromCharCode(byte) : `byte ${byte}`;
    return this.#syntax(`expected ${expected}, found ${found}`, Math.min(at, this.#end));
  }

  #syntax(what: string, at: number): AzudError {
    return new AzudError('invalid-json', `${what} at ${this.#positions.of(this.#bytes, at)}`);
  }

  #text(from: number, to: number): string {
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + from, to - from).toString();
  }
}
