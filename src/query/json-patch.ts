import { AzudError } from '../error/azud-error.ts';
import { INTAKE_LIMITS, JSON_LIMITS } from '../limits.ts';
import { equalJson, isJsonObject } from './exact-json.ts';

/** One operation of a JSON Patch (RFC 6902). */
export type PatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: Path; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: Path }
  | { readonly op: 'move' | 'copy'; readonly path: Path; readonly from: Path };

/** A JSON Pointer, split. */
type Path = readonly string[];

const OPERATIONS: ReadonlySet<unknown> = new Set(['add', 'replace', 'test', 'remove', 'move', 'copy']);
const OPERATIONS_MAX = 100;

/** Reads a patch. @throws AzudError `invalid-patch` naming the operation */
export function readPatch(patch: unknown): readonly PatchOperation[] {
  if (!Array.isArray(patch)) throw invalid('the patch must be an array of operations');
  if (patch.length > OPERATIONS_MAX) throw invalid(`the patch has more than ${OPERATIONS_MAX} operations`);
  return patch.map((operation: unknown, index) => {
    const fail = (what: string) => invalid(`operation ${index} ${what}`, `/patch/${index}`);
    if (!isJsonObject(operation)) throw fail('is not an object');
    const { op } = operation;
    if (!OPERATIONS.has(op)) throw fail('has no op among add, remove, replace, move, copy, test');
    const path = readPointer(operation.path);
    if (!path) throw fail('has no valid path');
    if (op === 'remove') return { op, path };
    if (op === 'move' || op === 'copy') {
      const from = readPointer(operation.from);
      if (!from) throw fail('has no valid from');
      return { op, path, from };
    }
    if (!Object.hasOwn(operation, 'value')) throw fail('has no value');
    return { op: op as 'add', path, value: operation.value };
  });
}

function readPointer(pointer: unknown): Path | null {
  if (typeof pointer !== 'string' || /~(?![01])/.test(pointer)) return null;
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) return null;
  const path = pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  // No event has it, and to set it would change the object itself.
  return path.includes('__proto__') ? null : path;
}

/**
 * The document after all operations; the one given is left as it is.
 * @throws AzudError `invalid-patch` when an operation does not apply, also a `test` that fails
 */
export function applyPatch(document: unknown, patch: readonly PatchOperation[]): unknown {
  let root: unknown = copyOf(document);
  let room = INTAKE_LIMITS.eventBytesMax;
  for (const operation of patch) {
    // Copies of copies double each time: what is copied in all is no more than an event may be.
    if (operation.op === 'copy') room = roomAfter(get(root, operation.from), room, JSON_LIMITS.depthMax);
    root = apply(root, operation);
  }
  return root;
}

/** What is left of `room` characters after a value of at most `levels`. @throws AzudError `invalid-patch` when it does not fit */
function roomAfter(value: unknown, room: number, levels: number): number {
  if (levels < 0) throw invalid(`the patch copies more than ${JSON_LIMITS.depthMax} levels`);
  let left = room - 1;
  if (typeof value === 'string') left -= value.length;
  else if (Array.isArray(value)) for (const inner of value) left = roomAfter(inner, left, levels - 1);
  else if (isJsonObject(value)) {
    for (const name of Object.keys(value)) left = roomAfter(value[name], left - name.length, levels - 1);
  }
  if (left < 0) throw invalid(`the patch copies more than ${INTAKE_LIMITS.eventBytesMax} characters`);
  return left;
}

function apply(root: unknown, operation: PatchOperation): unknown {
  const { op, path } = operation;
  switch (op) {
    case 'add':
      return add(root, path, copyOf(operation.value));
    case 'remove':
      return remove(root, path);
    case 'replace':
      get(root, path);
      return path.length === 0 ? copyOf(operation.value) : set(root, path, copyOf(operation.value));
    case 'move': {
      const { from } = operation;
      if (from.length < path.length && from.every((part, at) => part === path[at])) {
        throw invalid(`${shown(from)} cannot be moved into itself`);
      }
      const value = get(root, from);
      return add(remove(root, from), path, value);
    }
    case 'copy':
      return add(root, path, copyOf(get(root, operation.from)));
    case 'test':
      if (!equalJson(get(root, path), operation.value)) throw invalid(`the test of ${shown(path)} fails`);
      return root;
  }
}

function get(root: unknown, path: Path): unknown {
  let at = root;
  for (const part of path) {
    if (Array.isArray(at) && isIndex(part, at.length - 1)) at = at[Number(part)];
    else if (isJsonObject(at) && Object.hasOwn(at, part)) at = at[part];
    else throw invalid(`the event has nothing at ${shown(path)}`);
  }
  return at;
}

function add(root: unknown, path: Path, value: unknown): unknown {
  if (path.length === 0) return value;
  const [parent, last] = parentOf(root, path);
  if (!Array.isArray(parent)) return set(root, path, value);
  if (last !== '-' && !isIndex(last, parent.length)) throw invalid(`${shown(path)} is outside its array`);
  parent.splice(last === '-' ? parent.length : Number(last), 0, value);
  return root;
}

function set(root: unknown, path: Path, value: unknown): unknown {
  const [parent, last] = parentOf(root, path);
  if (Array.isArray(parent)) parent[Number(last)] = value;
  else parent[last] = value;
  return root;
}

function remove(root: unknown, path: Path): unknown {
  get(root, path);
  if (path.length === 0) return null;
  const [parent, last] = parentOf(root, path);
  if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else delete parent[last];
  return root;
}

function parentOf(root: unknown, path: Path): readonly [unknown[] | Record<string, unknown>, string] {
  const parent = get(root, path.slice(0, -1));
  if (!Array.isArray(parent) && !isJsonObject(parent))
    throw invalid(`${shown(path)} is not within an object or an array`);
  return [parent, path.at(-1) as string];
}

function isIndex(part: string, max: number): boolean {
  return /^(?:0|[1-9]\d{0,8})$/.test(part) && Number(part) <= max;
}

function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copyOf(inner)]));
}

function shown(path: Path): string {
  return path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('') || 'the event';
}

function invalid(message: string, path = ''): AzudError {
  return new AzudError('invalid-patch', message, { path });
}
