import { didYouMean } from '../lib/nearest.ts';
import type { Setting } from '../lib/setting.ts';
import { entriesOf, itemsOf, type SourceDocument } from './document.ts';
import type { Mistake, Place } from './mistake.ts';
import { isScalar } from './scalars.ts';

/** Variables that begin with AZUD_ and belong to the command line, not to azud.yaml. */
const CLIENT_VARIABLES = ['AZUD_URL', 'AZUD_TOKEN', 'AZUD_TOKEN_FILE', 'AZUD_CONFIG'];

export interface Override {
  readonly text: string;
  readonly place: Place;
}

/** Scalar settings given outside the file: `AZUD_SERVER_PORT`, and above it `--server.port`. */
export class Overrides {
  readonly mistakes: Mistake[] = [];
  readonly warnings: string[] = [];
  readonly #byPath = new Map<string, Override>();

  constructor(
    env: Readonly<Record<string, string | undefined>>,
    flags: Readonly<Record<string, string>>,
    paths: readonly (readonly string[])[],
  ) {
    const byVariable = new Map(paths.map((path) => [variableOf(path), path.join('.')]));
    for (const [name, text] of Object.entries(env)) {
      if (!name.startsWith('AZUD_') || text === undefined || CLIENT_VARIABLES.includes(name)) continue;
      const path = byVariable.get(name);
      if (path !== undefined) this.#byPath.set(path, { text, place: outside(name) });
      else this.warnings.push(`${name} belongs to no setting${didYouMean(name, byVariable.keys())}`);
    }
    const known = new Set(byVariable.values());
    for (const [path, text] of Object.entries(flags)) {
      const place = outside(`--${path}`);
      if (known.has(path)) this.#byPath.set(path, { text, place });
      else {
        const message = `belongs to no setting${didYouMean(path, known)}`;
        this.mistakes.push({ code: 'invalid-config', place, path: [], message });
      }
    }
  }

  take(path: readonly string[]): Override | undefined {
    return this.#byPath.get(path.join('.'));
  }
}

/** `['server', 'port']` → `AZUD_SERVER_PORT`. */
export function variableOf(path: readonly string[]): string {
  return `AZUD_${path.join('_').replaceAll('-', '_').toUpperCase()}`;
}

/** Every scalar that may be overridden: the declared ones, and for maps and lists those below what the file names. */
export function scalarPaths(setting: Setting, document: SourceDocument, path: readonly string[] = []): string[][] {
  if (isScalar(setting)) return setting.kind === 'secret' ? [[...path], fileKey(path)] : [[...path]];
  switch (setting.kind) {
    case 'object':
      return Object.entries(setting.properties).flatMap(([name, inner]) =>
        scalarPaths(inner, document, [...path, name]),
      );
    case 'choice':
      return [
        [...path, 'kind'],
        ...Object.values(setting.variants).flatMap((properties) =>
          Object.entries(properties).flatMap(([name, inner]) => scalarPaths(inner, document, [...path, name])),
        ),
      ];
    case 'map': {
      const { node } = document.find(path);
      return (node === null ? [] : entriesOf(node)).flatMap(({ name }) =>
        scalarPaths(setting.value, document, [...path, name]),
      );
    }
    case 'list': {
      const { node } = document.find(path);
      return (node === null ? [] : itemsOf(node)).flatMap((_item, at) =>
        scalarPaths(setting.item, document, [...path, String(at)]),
      );
    }
    case 'schema':
      return [];
  }
}

function fileKey(path: readonly string[]): string[] {
  return [...path.slice(0, -1), `${path.at(-1)}_file`];
}

function outside(origin: string): Place {
  return { origin, line: null, column: null };
}
