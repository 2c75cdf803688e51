import type { RowError } from '../error/azud-error.ts';
import { rowCode } from '../error/catalogue.ts';
import { JSON_LIMITS } from '../limits.ts';
import type { Column, ColumnType, JsonSchema } from './dataset.ts';
import { pointer } from './pointer.ts';

/** Longest column name, bytes: PostgreSQL's, the lowest of the stores. */
const NAME_BYTES_MAX = 63;

const STRING_FORMATS: Readonly<Record<string, ColumnType>> = {
  'date-time': 'timestamp',
  date: 'date',
  uuid: 'uuid',
  decimal: 'decimal',
};

/**
 * The columns of a dataset, from the top-level properties of its schema and in their order.
 * Mistakes are pushed to `errors` with their JSON Pointer in the declaration (`/schema/properties/…`).
 */
export function columnsOf(schema: JsonSchema, errors: RowError[]): readonly Column[] {
  const properties = schema.properties;
  if (!isObject(properties)) {
    errors.push(configError('/schema/properties', 'the schema needs `properties`: they become the columns'));
    return [];
  }
  if (Object.keys(properties).length > JSON_LIMITS.keysMax) {
    errors.push(configError('/schema/properties', `at most ${JSON_LIMITS.keysMax} properties are taken`));
  }
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  const names = new Map<string, string>();
  const columns: Column[] = [];
  for (const [name, property] of Object.entries(properties)) {
    const path = pointer('schema', 'properties', name);
    const twin = names.get(name.toLowerCase());
    names.set(name.toLowerCase(), name);
    const fault = nameFault(name) ?? (twin === undefined ? null : `differs from ${twin} only in case`);
    if (fault) errors.push(configError(path, `the property name ${fault}`));
    const { type, nullable } = typeOf(property, schema, 0);
    columns.push({ name, type, required: required.has(name) && !nullable });
  }
  return columns;
}

export function configError(path: string, message: string): RowError {
  return { path, code: rowCode('invalid-config'), message };
}

function nameFault(name: string): string | null {
  if (name === '') return 'is empty';
  if (name.startsWith('_')) return 'begins with an underscore: those names belong to Azud';
  if (name === 'constructor' || name === 'prototype') return 'collides with the language';
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) return `is longer than ${NAME_BYTES_MAX} bytes`;
  return [...name].some((char) => char < ' ' || char === '\u007f') ? 'has control characters' : null;
}

interface PropertyType {
  readonly type: ColumnType;
  readonly nullable: boolean;
}

const JSON_TYPE: PropertyType = { type: 'json', nullable: true };
/** Deep enough for any honest chain of references; a ring of them ends as `json`. */
const REFERENCES_MAX = 16;

function typeOf(property: unknown, root: JsonSchema, depth: number): PropertyType {
  if (!isObject(property) || depth > REFERENCES_MAX) return JSON_TYPE;
  if (typeof property.$ref === 'string') return typeOf(resolve(property.$ref, root), root, depth + 1);
  for (const branches of [property.anyOf, property.oneOf]) {
    if (!Array.isArray(branches)) continue;
    const others = branches.filter((branch) => !isObject(branch) || branch.type !== 'null');
    if (others.length !== 1) return JSON_TYPE;
    const inner = typeOf(others[0], root, depth + 1);
    return { type: inner.type, nullable: inner.nullable || others.length < branches.length };
  }
  const named: readonly unknown[] = Array.isArray(property.type) ? property.type : [property.type];
  const kinds = named.filter((kind) => kind !== 'null');
  return { type: columnType(kinds, property.format), nullable: kinds.length < named.length || kinds[0] === undefined };
}

function columnType(kinds: readonly unknown[], format: unknown): ColumnType {
  if (kinds.length === 2 && kinds.includes('integer') && kinds.includes('number')) return 'number';
  if (kinds.length !== 1) return 'json';
  if (kinds[0] === 'string') return typeof format === 'string' ? (STRING_FORMATS[format] ?? 'string') : 'string';
  if (kinds[0] === 'integer' || kinds[0] === 'number' || kinds[0] === 'boolean') return kinds[0];
  return 'json';
}

/** Follows a reference inside the document, `#/$defs/x`; undefined when it leads nowhere. */
export function resolve(reference: string, root: JsonSchema): unknown {
  if (!reference.startsWith('#/')) return undefined;
  let at: unknown = root;
  for (const part of reference.slice(2).split('/')) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as JsonSchema)[decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return at;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
