import type { Column } from '../../event/dataset.ts';
import type { Condition, Order, RowsQuery, Value } from '../driver.ts';

export type Row = ReadonlyMap<string, Value>;

/** Rows of a table as a query asks for them. */
export function selectRows(rows: Iterable<Row>, query: RowsQuery, columns: readonly Pick<Column, 'name' | 'type'>[]) {
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const comparer = rowComparer(query.order, types);
  const after = query.after === null ? null : keyRow(query.order, query.after);
  return [...rows]
    .filter((row) => query.where.every((condition) => holds(row, condition, types)))
    .filter((row) => after === null || comparer(row, after) > 0)
    .sort(comparer)
    .slice(0, query.limit)
    .map((row) => query.select.map(({ name }) => row.get(name) ?? null));
}

type Types = ReadonlyMap<string, Column['type']>;

function keyRow(order: readonly Order[], values: readonly Value[]): Row {
  return new Map(order.map(({ column }, at) => [column, values[at] ?? null]));
}

/** Nulls last in either direction. */
function rowComparer(order: readonly Order[], types: Types) {
  return (left: Row, right: Row): number => {
    for (const { column, descending } of order) {
      const a = left.get(column) ?? null;
      const b = right.get(column) ?? null;
      if (a === null || b === null) {
        if (a !== b) return a === null ? 1 : -1;
        continue;
      }
      const sign = compare(a, b, types.get(column));
      if (sign !== 0) return descending ? -sign : sign;
    }
    return 0;
  };
}

function compare(a: NonNullable<Value>, b: NonNullable<Value>, type: Column['type'] | undefined): number {
  if (type === 'decimal') return sign(scaled(String(a)), scaled(String(b)));
  if (type === 'timestamp') return sign(String(a).replace('Z', ''), String(b).replace('Z', ''));
  if (typeof a === 'string' || typeof b === 'string') return Buffer.compare(Buffer.from(`${a}`), Buffer.from(`${b}`));
  return sign(a, b);
}

function sign<T extends string | number | bigint | boolean>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A decimal as an integer of 10^-18. */
function scaled(text: string): bigint {
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.');
  const units = BigInt(whole + fraction.padEnd(18, '0'));
  return text.startsWith('-') ? -units : units;
}

/** As SQL has it: a comparison with null never holds. */
function holds(row: Row, { column, operator, value }: Condition, types: Types): boolean {
  const own = row.get(column) ?? null;
  if (operator === 'is') return own === value;
  if (own === null || value === null) return false;
  if (Array.isArray(value)) {
    return value.some((one: Value) => one !== null && compare(own, one, types.get(column)) === 0);
  }
  if (operator === 'like') return likePattern(String(value)).test(String(own));
  const order = compare(own, value as NonNullable<Value>, types.get(column));
  if (operator === 'eq') return order === 0;
  if (operator === 'ne') return order !== 0;
  if (operator === 'lt') return order < 0;
  if (operator === 'lte') return order <= 0;
  return operator === 'gt' ? order > 0 : order >= 0;
}

/** `%` stands for any text, `_` for one character, nothing else is special. */
function likePattern(pattern: string): RegExp {
  const source = [...pattern].map((char) => {
    if (char === '%') return '.*';
    return char === '_' ? '.' : char.replace(/[\\^$.*+?()[\]{}|/-]/u, '\\$&');
  });
  return new RegExp(`^${source.join('')}$`, 'su');
}
