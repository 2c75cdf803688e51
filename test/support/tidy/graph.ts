import { dirname, join, normalize } from 'node:path';
import { isTest, type Source } from './source.ts';

type Graph = ReadonlyMap<string, readonly string[]>;

/** The first ring of imports found, as the path around it, or null. */
export function cycle(sources: readonly Source[]): readonly string[] | null {
  const graph: Graph = new Map(
    sources.map(({ path, imports }) => [path, imports.flatMap(({ target }) => target ?? [])]),
  );
  const done = new Set<string>();
  const walk = (path: string, way: readonly string[]): readonly string[] | null => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path];
    if (done.has(path)) return null;
    for (const target of graph.get(path) ?? []) {
      const ring = walk(target, [...way, path]);
      if (ring) return ring;
    }
    done.add(path);
    return null;
  };
  for (const path of graph.keys()) {
    const ring = walk(path, []);
    if (ring) return ring;
  }
  return null;
}

/**
 * Files that nothing reaches: production code from the program, the library or a script; everything else from there or
 * from a test. A path in a string counts as a way, for processes are begun by path.
 */
export function deadFiles(sources: readonly Source[]): string[] {
  const graph: Graph = new Map(sources.map((source) => [source.path, waysOut(source)]));
  const programs = sources.map(({ path }) => path).filter(isProgram);
  const alive = reached(graph, programs);
  const tested = reached(graph, [
    ...programs,
    ...sources.map(({ path }) => path).filter((path) => path.endsWith('.test.ts')),
  ]);
  return [...graph.keys()].filter((path) => !(path.startsWith('src/') && !isTest(path) ? alive : tested).has(path));
}

/** Children are begun by a path that is put together: it ends in .ts here and in .js in the package. */
function isProgram(path: string): boolean {
  return /^(src\/(main|index|app\/child|store\/duckdb\/ad-hoc-child)\.ts|(bench|test\/[a-z-]+)\/main\.ts|scripts\/[^/]+\.(ts|mjs))$/.test(
    path,
  );
}

function waysOut({ path, text, imports }: Source): string[] {
  const named = [...text.matchAll(/['"`](\.{0,2}[\w./-]+\.(?:ts|mjs))['"`]/g)].map((match) => match[1] ?? '');
  const relative = named.map((name) => normalize(join(dirname(path), name)));
  return [...imports.flatMap(({ target }) => target ?? []), ...relative, ...named];
}

function reached(graph: Graph, roots: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const waiting = [...roots];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    waiting.push(...(graph.get(path) ?? []));
  }
  return seen;
}
