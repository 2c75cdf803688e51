import { SYSTEM_TABLES } from '../store/tables.ts';

/** What stands in a SQL text apart from its literals and comments. */
export interface SqlNames {
  /** `$name` placeholders. */
  readonly names: ReadonlySet<string>;
  /** Placeholders by number, `$1` or `?`, which endpoints do not take. */
  readonly positional: boolean;
  /** A `;` with something after it. */
  readonly several: boolean;
}

/**
 * Tokens in which nothing is a placeholder (comments, strings, quoted names, dollar-quoted strings), then those that count.
 * A quoted string that does not end reaches to the end of the text; the store says what is wrong with it.
 */
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|\$([A-Za-z_]\w*)?\$[\s\S]*?(?:\$\1\$|$)|\$(\w+)|(\?)|(;)|([^\s;])/g;

export function sqlNames(sql: string): SqlNames {
  const names = new Set<string>();
  let positional = false;
  let ended = false;
  let several = false;
  for (const [token, , placeholder, question, semicolon, other] of sql.matchAll(TOKEN)) {
    const comment = token.startsWith('--') || token.startsWith('/*');
    if (ended && !comment && semicolon === undefined) several = true;
    if (semicolon !== undefined) ended = true;
    if (placeholder !== undefined && /^\d/.test(placeholder)) positional = true;
    else if (placeholder !== undefined) names.add(placeholder);
    if (question !== undefined && other === undefined) positional = true;
  }
  return { names, positional, several };
}

/**
 * The datasets that a query may read: those whose name stands in its text as a word, be it in a comment; all of them when
 * none does, or when it names a table of Azud's own, which tells of all.
 */
export function datasetsIn(sql: string, datasets: readonly string[]): readonly string[] {
  const words = new Set(sql.toLowerCase().match(/[a-z0-9_]+/g));
  if (SYSTEM_TABLES.some(({ name }) => words.has(name))) return datasets;
  const named = datasets.filter((dataset) => words.has(dataset));
  return named.length > 0 ? named : datasets;
}
