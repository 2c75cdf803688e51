import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
} from 'yaml';
import type { Mistake, Place } from './mistake.ts';

/** A YAML (or JSON) file with the place of everything in it. */
export class SourceDocument {
  readonly file: string;
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();
  readonly #text: string;

  constructor(file: string, text: string) {
    this.file = file;
    this.#text = text;
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      version: '1.2',
    });
  }

  /** Null for an empty file. */
  get root(): Node | null {
    return this.#document.contents;
  }

  /** What the YAML parser itself found wrong. Of broken syntax only the first: the rest is its echo. */
  syntaxMistakes(): Mistake[] {
    const { errors } = this.#document;
    const broken = errors.find(({ code }) => code !== 'DUPLICATE_KEY');
    return errors
      .filter((error) => error.code === 'DUPLICATE_KEY' || error === broken)
      .map(({ code, message, pos }) => {
        const place = this.#placeAt(pos[0]);
        return { code: 'invalid-config', place, path: [], message: this.#words({ code, message, place }) };
      });
  }

  /** False when nothing below the syntax can be trusted. A key that stands twice leaves the rest readable. */
  get readable(): boolean {
    return this.#document.errors.every((error) => error.code === 'DUPLICATE_KEY');
  }

  /** Follows an alias. */
  resolve(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(this.#document) ?? null) : node;
  }

  /** The plain value below a node. */
  valueOf(node: Node): unknown {
    return node.toJS(this.#document, { maxAliasCount: 100 });
  }

  place(node: Node | null): Place {
    return this.#placeAt(node?.range?.[0] ?? 0);
  }

  /** The node at a path, and the deepest one on the way where the path ends early. */
  find(path: readonly string[]): { readonly node: Node | null; readonly nearest: Node | null } {
    let node = this.resolve(this.root);
    let nearest = node;
    for (const key of path) {
      const entry = node === null ? null : childOf(node, key);
      if (entry === null) return { node: null, nearest };
      nearest = entry.key ?? entry.value;
      node = this.resolve(entry.value);
    }
    return { node, nearest: node ?? nearest };
  }

  #words({ code, message, place }: { code: string; message: string; place: Place }): string {
    if (code === 'DUPLICATE_KEY') return 'this key stands twice in one map; keep one';
    if (code === 'TAB_AS_INDENT') return 'a tab stands in the indentation; YAML takes spaces only';
    const line = this.#text.split('\n')[(place.line ?? 1) - 1] ?? '';
    const quotable = line.includes('$' + '{') ? 'a variable' : /[^\s{[,:"']\{/.test(line) ? 'a path with { }' : null;
    return `is not YAML: ${message}${quotable ? `; inside { } put ${quotable} in quotes` : ''}`;
  }

  #placeAt(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { origin: this.file, line: Math.max(1, line), column: Math.max(1, col) };
  }
}

export interface Entry {
  readonly name: string;
  /** Null for the items of a list. */
  readonly key: Node | null;
  readonly value: Node | null;
}

/** The entries of a map, names as text. */
export function entriesOf(node: Node): readonly Entry[] {
  if (!isMap(node)) return [];
  return node.items.map(({ key, value }) => ({
    name: isScalar(key) ? String(key.value) : String(key),
    key: key as Node | null,
    value: value as Node | null,
  }));
}

export function itemsOf(node: Node): readonly (Node | null)[] {
  return isSeq(node) ? (node.items as (Node | null)[]) : [];
}

/** A key without a value, or `null` written out, is the same as no key. */
export function isAbsent(node: Node | null): node is null {
  return node === null || (isScalar(node) && node.value === null);
}

/** `the text "12m"`: what came, in words. */
export function described(node: Node): string {
  if (isMap(node)) return 'a map';
  if (isSeq(node)) return 'a list';
  const { value } = node as Scalar;
  if (typeof value === 'string')
    return `the text ${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)}`;
  return `${typeof value === 'boolean' ? '' : 'the number '}${String(value)}`;
}

function childOf(node: Node, key: string): Entry | null {
  if (isSeq(node)) {
    const value = itemsOf(node)[Number(key)];
    return value === undefined ? null : { name: key, key: null, value };
  }
  return entriesOf(node).find((entry) => entry.name === key) ?? null;
}
