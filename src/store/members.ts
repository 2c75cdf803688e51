/** Where one member of a JSON object lies in its text. */
export interface Member {
  readonly name: string;
  /** The value's exact text. */
  readonly raw: string;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

/**
 * The top-level members of one JSON object, each value as the exact text it was sent in: engines that parse JSON
 * re-spell numbers (`1.50` → `1.5`) and round long ones. The text must be valid JSON; intake has seen to that.
 */
export function membersOf(text: string): Member[] {
  const members: Member[] = [];
  let at = skipSpace(text, text.indexOf('{') + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const nameEnd = stringEnd(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = valueEnd(text, start);
    members.push({ name, raw: text.slice(start, end) });
    at = skipSpace(text, end);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return members;
}

/** The members that `names` does not hold, as one JSON object; null when there is none. */
export function extraOf(members: readonly Member[], names: ReadonlySet<string>): string | null {
  const extra = members.filter((member) => !names.has(member.name));
  if (extra.length === 0) return null;
  return `{${extra.map(({ name, raw }) => `${JSON.stringify(name)}:${raw}`).join(',')}}`;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

/** One past the closing quote of the string that opens at `from`. */
function stringEnd(text: string, from: number): number {
  let at = from + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return text.length;
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

function valueEnd(text: string, from: number): number {
  const first = text[from];
  if (first === '"') return stringEnd(text, from);
  if (first === '{' || first === '[') return nestedEnd(text, from);
  let at = from;
  while (at < text.length && text[at] !== ',' && text[at] !== '}' && !isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

function nestedEnd(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const char = text[at];
    if (char === '"') {
      at = stringEnd(text, at);
      continue;
    }
    if (char === '{' || char === '[') depth += 1;
    if (char === '}' || char === ']') depth -= 1;
    at += 1;
    if (depth === 0) return at;
  }
  return text.length;
}
