import { isDay } from './formats.ts';
import { latin1 } from './json/byte.ts';
import { KIND } from './json/number.ts';
import { compilePattern } from './pattern.ts';
import { FORMATS } from './schema.ts';

/** Does the value in these bytes surely fit? Given only strings without escapes (quotes included) and short numbers. */
export type Rule = (bytes: Buffer, from: number, to: number, kind: number) => boolean;

/** Bytes of the quotes around a string. */
const QUOTES = 2;

/** The same as data, for the plain scan, which asks no function: all that strings and numbers must pass. */
export interface Said {
  /** Bytes, quotes included. */
  readonly lengthMin?: number;
  readonly lengthMax?: number;
  readonly ascii?: true;
  readonly format?: 'date' | 'date-time';
  /** One of these, in quotes. */
  readonly options?: readonly Buffer[];
  readonly min?: number;
  readonly max?: number;
  /** The bounds that are not taken themselves. */
  readonly above?: number;
  readonly below?: number;
}

export interface Rules {
  /** What strings and numbers must pass; null: all pass. */
  readonly strings: Rule | null;
  readonly numbers: Rule | null;
  /** What values of every other kind must pass. */
  readonly others: Rule | null;
  /** Kinds that may fit at all. */
  readonly kinds: number;
  /** Null where only the rules can tell. */
  readonly said: Said | null;
}

interface Made {
  readonly strings?: Rule;
  readonly numbers?: Rule;
  readonly said: Said | null;
}

type RuleMaker = (value: unknown) => Made | null;

/** The keywords known here; null from a maker: this value of the keyword is not. */
const MAKERS: Readonly<Record<string, RuleMaker>> = {
  format: formatRule,
  minLength: (value) => {
    const min = Number(value) + QUOTES;
    return {
      strings: (bytes, from, to) => to - from >= min && isAscii(bytes, from, to),
      said: { lengthMin: min, ascii: true },
    };
  },
  // A character has at least one byte.
  maxLength: (value) => {
    const max = Number(value) + QUOTES;
    return { strings: (_, from, to) => to - from <= max, said: { lengthMax: max } };
  },
  pattern: (value) => {
    const pattern = compilePattern(String(value));
    return {
      strings: remembering((bytes, from, to) => isAscii(bytes, from, to) && pattern.test(inner(bytes, from, to))),
      said: null,
    };
  },
  minimum: (value) => ofNumbers((number) => number >= Number(value), { min: Number(value) }),
  maximum: (value) => ofNumbers((number) => number <= Number(value), { max: Number(value) }),
  exclusiveMinimum: (value) => ofNumbers((number) => number > Number(value), { above: Number(value) }),
  exclusiveMaximum: (value) => ofNumbers((number) => number < Number(value), { below: Number(value) }),
};

/** Kinds of which a keyword of strings or numbers says nothing, or something that is known here. */
const RULED = KIND.STRING | KIND.INTEGER | KIND.FLOAT | KIND.BOOLEAN | KIND.NULL;

/** The rules for all the keywords; null when one of them is not known here. */
export function compileRules(schema: Readonly<Record<string, unknown>>, keywords: readonly string[]): Rules | null {
  if (keywords.length === 1 && keywords[0] === 'enum') return enumRules(schema.enum);
  const strings: Rule[] = [];
  const numbers: Rule[] = [];
  let said: Said | null = {};
  for (const keyword of keywords) {
    const made = Object.hasOwn(MAKERS, keyword) ? MAKERS[keyword]?.(schema[keyword]) : null;
    if (!made) return null;
    if (made.strings) strings.push(made.strings);
    if (made.numbers) numbers.push(made.numbers);
    said = said && made.said && { ...said, ...made.said };
  }
  return { strings: all(strings), numbers: all(numbers), others: null, kinds: RULED, said };
}

function all(rules: readonly Rule[]): Rule | null {
  const [only = null] = rules;
  return rules.length > 1 ? (bytes, from, to, kind) => rules.every((rule) => rule(bytes, from, to, kind)) : only;
}

/** Enumerations of strings only: the value's bytes are those of one of them. */
function enumRules(values: unknown): Rules | null {
  if (!Array.isArray(values) || values.some((value) => typeof value !== 'string')) return null;
  const encoded = values.map((value) => Buffer.from(JSON.stringify(value)));
  const rule: Rule = (bytes, from, to) =>
    encoded.some((option) => option.length === to - from && startsWith(bytes, from, option));
  return { strings: rule, numbers: null, others: null, kinds: KIND.STRING, said: { options: encoded } };
}

/** Values are short: a loop takes less than a call into the runtime. */
function startsWith(bytes: Buffer, from: number, value: Buffer): boolean {
  for (let i = 0; i < value.length; i++) if (bytes[from + i] !== value[i]) return false;
  return true;
}

function ofNumbers(test: (number: number) => boolean, said: Said): Made {
  return {
    said,
    numbers: (bytes, from, to, kind) =>
      test(kind === KIND.INTEGER ? integer(bytes, from, to) : Number(latin1(bytes, from, to))),
  };
}

function formatRule(name: unknown): Made | null {
  const format = FORMATS[name as keyof typeof FORMATS] as unknown;
  if (name === 'date-time') {
    return {
      strings: (bytes, from, to) => isUtcTime(bytes, from, to) || FORMATS['date-time'](inner(bytes, from, to)),
      said: { format: name },
    };
  }
  if (name === 'date') {
    return { strings: (bytes, from, to) => to - from === 12 && isDayAt(bytes, from + 1), said: { format: name } };
  }
  // Formats of numbers, and those with options, are left to Ajv.
  const test = format instanceof RegExp ? (text: string) => format.test(text) : format;
  if (typeof test !== 'function' || (format instanceof RegExp && format.global)) return null;
  return {
    strings: remembering((bytes, from, to) => isAscii(bytes, from, to) && test(inner(bytes, from, to)) === true),
    said: null,
  };
}

const SLOTS = 64;
const SLOT_BYTES = 32;

/** The values of many columns repeat: a slow rule is asked only when the value that passed last in its slot is another. */
function remembering(rule: Rule): Rule {
  const passed = new Uint8Array(SLOTS * SLOT_BYTES);
  const lengths = new Uint8Array(SLOTS);
  return (bytes, from, to, kind) => {
    const length = to - from;
    if (length > SLOT_BYTES) return rule(bytes, from, to, kind);
    const slot = (length + 7 * (bytes[from + 1] as number) + 3 * (bytes[to - 2] as number)) % SLOTS;
    const start = slot * SLOT_BYTES;
    let i = 0;
    if (lengths[slot] === length) while (i < length && bytes[from + i] === passed[start + i]) i++;
    if (i === length) return true;
    if (!rule(bytes, from, to, kind)) return false;
    lengths[slot] = length;
    for (i = 0; i < length; i++) passed[start + i] = bytes[from + i] as number;
    return true;
  };
}

const inner = (bytes: Buffer, from: number, to: number): string => latin1(bytes, from + 1, to - 1);

function isAscii(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if ((bytes[i] as number) >= 0x80) return false;
  return true;
}

function integer(bytes: Buffer, from: number, to: number): number {
  const negative = bytes[from] === 0x2d;
  let value = 0;
  for (let i = negative ? from + 1 : from; i < to; i++) value = value * 10 + (bytes[i] as number) - 0x30;
  return negative ? -value : value;
}

/** The number in `count` digits, NaN when one is none. */
function digits(bytes: Buffer, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i++) {
    const digit = (bytes[i] as number) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

function isDayAt(bytes: Buffer, at: number): boolean {
  return (
    bytes[at + 4] === 0x2d &&
    bytes[at + 7] === 0x2d &&
    isDay(digits(bytes, at, 4), digits(bytes, at + 5, 2), digits(bytes, at + 8, 2))
  );
}

/** The common spellings of a time, `2026-01-31T08:00:00Z` and with 1 to 6 digits of a second, in quotes. */
function isUtcTime(bytes: Buffer, from: number, to: number): boolean {
  const length = to - from;
  if (length < 22 || length > 29 || bytes[to - 2] !== 0x5a || bytes[from + 11] !== 0x54) return false;
  if (bytes[from + 14] !== 0x3a || bytes[from + 17] !== 0x3a) return false;
  if (!(digits(bytes, from + 12, 2) < 24 && digits(bytes, from + 15, 2) < 60 && digits(bytes, from + 18, 2) < 60)) {
    return false;
  }
  if (length > 22 && !(bytes[from + 20] === 0x2e && length > 23 && digits(bytes, from + 21, length - 23) >= 0)) {
    return false;
  }
  return isDayAt(bytes, from + 1);
}
