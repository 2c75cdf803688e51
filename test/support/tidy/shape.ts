import { existsSync, globSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { ROOT, type Source } from './source.ts';

export const FILE_LINES_MAX = 400;
export const FUNCTION_LINES_MAX = 70;
export const PARAMETERS_MAX = 3;

/** Files whose functions may have more, and how many: they run for every byte taken in, where an object a call costs. */
export const WIDE: Readonly<Record<string, number>> = {
  'src/event/json/key-table.ts': 4,
  'src/event/json/number.ts': 5,
  'src/event/json/scanner.ts': 4,
};

/** A function as the code shows it. */
export interface FunctionShape {
  readonly path: string;
  /** Of the opening brace. */
  readonly line: number;
  readonly lines: number;
  readonly parameters: number;
}

/** Every function body of a file. With the types gone, a body is a brace after `)` or `=>`. */
export function functionsOf(source: Source): FunctionShape[] {
  const code = stripTypeScriptTypes(source.code);
  const found: FunctionShape[] = [];
  const open: number[] = [];
  const parens: number[] = [];
  let closed = { from: 0, to: 0 };
  for (let at = 0; at < code.length; at += 1) {
    const char = code[at];
    if (char === '(') parens.push(at);
    if (char === ')') closed = { from: parens.pop() ?? 0, to: at };
    if (char === '{') open.push(isBody(code, at, closed) ? at : -1);
    if (char !== '}') continue;
    const from = open.pop() ?? -1;
    if (from >= 0) found.push(shapeOf(source, code, { from, to: at }));
  }
  return found;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

function isBody(code: string, at: number, closed: Span): boolean {
  const before = code.slice(0, at).trimEnd();
  if (before.endsWith('=>')) return !/\b(?:describe|suite)\([^\n]*$/.test(before);
  if (!before.endsWith(')') || closed.to !== before.length - 1) return false;
  return !/\b(?:if|for|while|switch|catch|with|await)$/.test(code.slice(0, closed.from).trimEnd());
}

function shapeOf(source: Source, code: string, { from, to }: Span): FunctionShape {
  const line = code.slice(0, from).split('\n').length;
  const lines = code.slice(from, to).split('\n').length;
  return { path: source.path, line, lines, parameters: parametersBefore(code, from) };
}

/** Commas between the parentheses before the body, those inside patterns and defaults left out. */
function parametersBefore(code: string, body: number): number {
  const head = code.slice(0, body).trimEnd();
  // What a callback is given is its caller's choice.
  if (head.endsWith('=>')) return 0;
  let depth = 0;
  let commas = 0;
  let at = head.length - 1;
  for (; at >= 0; at -= 1) {
    const char = head[at] ?? '';
    if (')]}'.includes(char)) depth += 1;
    if ('([{'.includes(char)) depth -= 1;
    if (char === ',' && depth === 1 && /\S/.test(head.slice(at + 1, head.length - 1))) commas += 1;
    if (depth === 0) break;
  }
  return head.slice(at + 1, -1).trim() === '' ? 0 : commas + 1;
}

/** Files that every adapter has; after one adapter you can read all. */
const ADAPTER_FILES = ['config.ts', 'driver.ts', 'errors.ts', 'driver.test.ts', 'README.md'];
const NO_ADAPTERS = ['conformance', 'sql'];

export function missingAdapterFiles(): string[] {
  return globSync('src/{broker,store}/*/', { cwd: ROOT })
    .filter((folder) => !NO_ADAPTERS.includes(folder.split('/').at(-1) ?? ''))
    .filter((folder) => globSync('*.ts', { cwd: join(ROOT, folder) }).length > 0)
    .flatMap((folder) => ADAPTER_FILES.map((file) => `${folder}/${file}`))
    .filter((path) => !existsSync(join(ROOT, path)));
}
