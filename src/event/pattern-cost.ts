/** How much a backtracking engine may do for one regular expression. */
export interface PatternCost {
  /** Ways to match that do not depend on the text's length; Infinity where they grow with it beyond any power. */
  readonly ways: number;
  /** Power of the text's length. */
  readonly degree: number;
}

const NONE: PatternCost = { ways: 1, degree: 0 };
const ENDLESS: PatternCost = { ways: Infinity, degree: 0 };

/** Steps that one test of a text of `length` characters may take, about. */
export function stepsOf({ ways, degree }: PatternCost, length: number): number {
  return ways * length ** degree;
}

/** What a valid pattern may cost at worst; never less than it does. */
export function costOf(pattern: string): PatternCost {
  const reader = new PatternReader(pattern);
  const { ways, degree } = reader.alternatives();
  // Without an anchor the engine begins anew at every character.
  return { ways, degree: degree + (reader.isAnchored ? 0 : 1) };
}

class PatternReader {
  readonly #text: string;
  #at = 0;
  /** Every alternative outside all groups begins with `^`. */
  isAnchored = true;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Up to the end of the group, or of the pattern. */
  alternatives(): PatternCost {
    let ways = 0;
    let degree = 0;
    for (;;) {
      if (this.#depth === 0 && this.#text[this.#at] !== '^') this.isAnchored = false;
      const branch = this.#sequence();
      ways += branch.ways;
      degree = Math.max(degree, branch.degree);
      if (this.#text[this.#at] !== '|') return { ways, degree };
      this.#at += 1;
    }
  }

  #sequence(): PatternCost {
    let ways = 1;
    let degree = 0;
    while (this.#at < this.#text.length && !'|)'.includes(this.#text[this.#at] as string)) {
      const part = this.#repeated(this.#atom());
      ways *= part.ways;
      degree += part.degree;
    }
    return { ways, degree };
  }

  #atom(): PatternCost {
    // Classes, escapes with braces and references to groups; anything else is one character.
    const [atom = ''] = this.#match(
      /\[(?:\\.|[^\]\\])*\]|\\[pPuk](?:\{[^}]*\}|<[^>]*>)?|\\\d+|\\.|\((?:\?[^:=!<]*(?:[:=!]|<[=!]|<[^>]*>))?|./suy,
    );
    if (/^\\(?:k|[1-9])/.test(atom)) return ENDLESS;
    if (!atom.startsWith('(')) return NONE;
    this.#depth += 1;
    const inside = this.alternatives();
    this.#depth -= 1;
    this.#at += 1;
    return inside;
  }

  #repeated(atom: PatternCost): PatternCost {
    const [text, least, comma, most] = this.#match(/(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/y);
    if (text === undefined) return atom;
    if ('*+'.includes(text[0] as string) || (comma === ',' && most === '')) {
      return atom.degree === 0 && atom.ways === 1 ? { ways: 1, degree: 1 } : ENDLESS;
    }
    const max = text.startsWith('?') ? 1 : Number(comma === ',' ? most : least);
    const min = text.startsWith('?') ? 0 : Number(least);
    const ways = atom.ways === 1 ? max - min + 1 : 2 * atom.ways ** max;
    return { ways, degree: atom.degree * max };
  }

  #match(part: RegExp): readonly string[] {
    part.lastIndex = this.#at;
    const found = part.exec(this.#text) ?? [];
    this.#at += found[0]?.length ?? 0;
    return found;
  }
}
