import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';
import { mask } from './mask.ts';

/** One file of TypeScript or JavaScript, read once for all rules. */
export interface Source {
  /** From the project's root, with `/`. */
  readonly path: string;
  readonly text: string;
  /** `text` with comments and literals blanked, see `mask`. */
  readonly code: string;
  readonly imports: readonly Import[];
}

export interface Import {
  readonly specifier: string;
  /** The file it means, from the project's root; null for a package. */
  readonly target: string | null;
  readonly line: number;
}

export const ROOT = resolve(import.meta.dirname, '../../..');

const FOLDERS = ['src', 'test', 'bench', 'scripts', 'examples', 'console'];

export function readSources(): Source[] {
  return globSync(
    FOLDERS.map((folder) => `${folder}/**/*.{ts,mjs}`),
    { cwd: ROOT, exclude: (name) => name === 'node_modules' || name === 'data' },
  )
    .sort()
    .map((path) => toSource(path, readFileSync(join(ROOT, path), 'utf8')));
}

export function toSource(path: string, text: string): Source {
  const code = mask(text);
  return { path, text, code, imports: importsOf(path, text, code) };
}

/** Tests, and what only they use: conformance suites, fixtures, and the children that a test kills. */
export function isTest(path: string): boolean {
  return /\.test\.ts$|^test\/|\/conformance\/|\/fixtures\.ts$|\/kill-child\.ts$/.test(path);
}

/** `import … from`, `export … from`, `import '…'` and `import('…')`; types count like values. */
function importsOf(path: string, text: string, code: string): Import[] {
  return [...code.matchAll(/\b(?:from\s+|import\s*\(?\s*)(['"])( *)\1/g)].map((match) => {
    const end = match.index + match[0].length - 1;
    const specifier = text.slice(end - (match[2] ?? '').length, end);
    const target = specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : null;
    return { specifier, target, line: lineAt(text, match.index) };
  });
}

/** Counts from 1. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
