import type { Column, ColumnType } from '../../event/dataset.ts';
import type { Condition, Order, RowsQuery, Value } from '../driver.ts';
import { type Dialect, quote, type SqlColumn } from './dialect.ts';

/** Values travel beside the text, but for plain ones where the dialect spells them. */
export interface Bound {
  readonly value: Value;
  readonly type: ColumnType;
}

export interface Compiled {
  readonly text: string;
  /** The n-th is parameter n + 1. */
  readonly values: readonly Bound[];
}

/** A SELECT of the portable query. `columns` are all of the table's, for their types and which are never null. */
export function compileRows(query: RowsQuery, columns: readonly Column[], dialect: Dialect): Compiled {
  return new Compilation(columns, dialect).rows(query);
}

export function createTable(name: string, columns: readonly SqlColumn[], dialect: Dialect): string {
  const list = columns.map((column) => `${quote(column.name)} ${dialect.type(column)}`);
  return `CREATE TABLE ${quote(name)} (${list.join(', ')})`;
}

export function addColumn(table: string, column: SqlColumn, dialect: Dialect): string {
  return `ALTER TABLE ${quote(table)} ADD COLUMN ${quote(column.name)} ${dialect.type(column)}`;
}

export function dropColumn(table: string, column: string): string {
  return `ALTER TABLE ${quote(table)} DROP COLUMN ${quote(column)}`;
}

const COMPARISONS = { eq: '=', ne: '<>', lt: '<', lte: '<=', gt: '>', gte: '>=' } as const;

class Compilation {
  readonly #columns: ReadonlyMap<string, Column>;
  readonly #dialect: Dialect;
  readonly #values: Bound[] = [];

  constructor(columns: readonly Column[], dialect: Dialect) {
    this.#columns = new Map(columns.map((column) => [column.name, column]));
    this.#dialect = dialect;
  }

  rows({ table, select, where, order, after, limit }: RowsQuery): Compiled {
    const list = select.map(({ name, type }) => `${this.#dialect.read(quote(name), type)} AS ${quote(name)}`);
    const conditions = where.map((condition) => this.#condition(condition));
    if (after !== null) conditions.push(this.#after(order, after));
    const text = [
      `SELECT ${list.join(', ')}`,
      `FROM ${quote(table)}`,
      ...(conditions.length > 0 ? [`WHERE ${conditions.map((condition) => `(${condition})`).join(' AND ')}`] : []),
      ...(order.length > 0 ? [`ORDER BY ${order.map(orderTerm).join(', ')}`] : []),
      `LIMIT ${this.#bind(limit, 'integer')}`,
    ].join(' ');
    return { text, values: this.#values };
  }

  #condition({ column, operator, value }: Condition): string {
    const type = this.#type(column);
    if (operator === 'is') return `${quote(column)} IS ${value === null ? 'NULL' : value === true ? 'TRUE' : 'FALSE'}`;
    const name = this.#dialect.compared?.(quote(column), type) ?? quote(column);
    if (operator === 'in') {
      const list = (Array.isArray(value) ? value : [value]) as readonly Value[];
      return list.length === 0 ? 'FALSE' : `${name} IN (${list.map((one) => this.#bind(one, type)).join(', ')})`;
    }
    if (operator === 'like') {
      return `${name} LIKE ${this.#bind(value as Value, 'string')}${this.#dialect.likeEscape}`;
    }
    return `${name} ${COMPARISONS[operator]} ${this.#bind(value as Value, type)}`;
  }

  /**
   * Rows after a place in the order, nulls last: later in the first column, or level in it and later in the rest.
   * A bound on the first column alone stands before it, for engines that skip blocks by simple comparisons only.
   */
  #after(order: readonly Order[], after: readonly Value[]): string {
    const [first] = order;
    const [value] = after;
    const exact = this.#later(order, after);
    if (!first || value === null || value === undefined || !this.#columns.get(first.column)?.required) return exact;
    const bound = this.#bind(value, this.#type(first.column));
    return `${quote(first.column)} ${first.descending ? '<=' : '>='} ${bound} AND (${exact})`;
  }

  #later(order: readonly Order[], after: readonly Value[]): string {
    const [first, ...rest] = order;
    if (!first) return 'FALSE';
    const name = quote(first.column);
    const value = after[0] ?? null;
    // Nothing comes after null in this column; only rows level with it can follow.
    if (value === null) return `${name} IS NULL AND (${this.#later(rest, after.slice(1))})`;
    const bind = () => this.#bind(value, this.#type(first.column));
    const nulls = this.#columns.get(first.column)?.required ? '' : ` OR ${name} IS NULL`;
    const later = `${name} ${first.descending ? '<' : '>'} ${bind()}${nulls}`;
    if (rest.length === 0) return later;
    return `${later} OR (${name} = ${bind()} AND (${this.#later(rest, after.slice(1))}))`;
  }

  #bind(value: Value, type: ColumnType): string {
    const literal = this.#dialect.literal?.(value, type) ?? null;
    if (literal !== null) return literal;
    this.#values.push({ value, type });
    return this.#dialect.parameter(this.#values.length, type);
  }

  #type(column: string): ColumnType {
    return this.#columns.get(column)?.type ?? 'string';
  }
}

function orderTerm({ column, descending }: Order): string {
  return `${quote(column)} ${descending ? 'DESC' : 'ASC'} NULLS LAST`;
}
