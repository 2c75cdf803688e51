import { basename } from 'node:path';
import { AzudError, type RowError } from '../error/azud-error.ts';
import { rowCode } from '../error/catalogue.ts';

/** Where in azud.yaml (or a schema file), or which variable or flag. */
export interface Place {
  /** File path, variable or flag. */
  readonly origin: string;
  /** From 1; null when the origin is no file. */
  readonly line: number | null;
  readonly column: number | null;
}

/** One thing wrong with the configuration. */
export interface Mistake {
  readonly code: 'invalid-config' | 'unsafe-setting';
  readonly place: Place;
  /** Keys from the root: `['server', 'port']`. */
  readonly path: readonly string[];
  /** What was expected, what came, and the nearest valid word. */
  readonly message: string;
}

export function dotted(path: readonly string[]): string {
  return path.map((key, at) => (/^\d+$/.test(key) ? `[${key}]` : at === 0 ? key : `.${key}`)).join('');
}

/** `azud.yaml:12:3 server.prt: unknown key; did you mean "port"?` */
export function rendered({ place, path, message }: Mistake): string {
  const where = place.line === null ? place.origin : `${basename(place.origin)}:${place.line}:${place.column}`;
  return path.length === 0 ? `${where} ${message}` : `${where} ${dotted(path)}: ${message}`;
}

/** All mistakes as one error, in the order of the file. */
export function configError(file: string, mistakes: readonly Mistake[]): AzudError {
  const sorted = [...mistakes].sort(
    (a, b) => Number(a.place.line === null) - Number(b.place.line === null) || order(a.place) - order(b.place),
  );
  const heading = `${file} has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}:`;
  const code = mistakes.every((mistake) => mistake.code === 'unsafe-setting') ? 'unsafe-setting' : 'invalid-config';
  return new AzudError(code, [heading, ...sorted.map((mistake) => `  ${rendered(mistake)}`)].join('\n'), {
    errors: sorted.map(rowError),
  });
}

function order({ line, column }: Place): number {
  return (line ?? 0) * 10_000 + (column ?? 0);
}

function rowError(mistake: Mistake): RowError {
  return {
    ...(mistake.place.line !== null && { row: mistake.place.line }),
    path: mistake.path.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
    code: rowCode(mistake.code),
    message: rendered(mistake),
  };
}
