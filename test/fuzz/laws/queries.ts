import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isAzudError } from '../../../src/error/azud-error.ts';
import type { Column, ColumnType } from '../../../src/event/dataset.ts';
import { bindingOf, Cursors } from '../../../src/query/cursor.ts';
import { parseFilter } from '../../../src/query/filters.ts';
import type { Condition } from '../../../src/store/driver.ts';
import { DUCKDB_DIALECT } from '../../../src/store/duckdb/dialect.ts';
import { compileRows } from '../../../src/store/sql/compiler.ts';
import { edited, edits } from '../edits.ts';

const cursors = new Cursors(Buffer.alloc(32, 7));
const TYPES = ['timestamp', 'integer', 'string'] as const;
const places = fc.tuple(
  fc.string(),
  fc.bigInt({ min: -(2n ** 100n), max: 2n ** 100n }),
  fc.string({ unit: 'grapheme' }),
);

/** A cursor comes back as it was made; changed in any way, or with another query, it is none. */
export const cursorLaw: fc.IRawProperty<unknown> = fc.property(places, fc.string(), edits, (values, table, changes) => {
  const binding = bindingOf([table]);
  const cursor = cursors.encode(binding, values);
  assert.deepEqual(cursors.decode(binding, cursor, TYPES), values);
  const changed = edited(Buffer.from(cursor), changes);
  const others = [changed.toString('latin1'), `${cursor}=`, cursor.slice(1), ''].filter((text) => text !== cursor);
  for (const text of others) refused(() => cursors.decode(binding, text, TYPES), 'invalid-cursor');
  refused(() => cursors.decode(bindingOf([table, 1]), cursor, TYPES), 'invalid-cursor');
});

const COLUMN_TYPES: readonly ColumnType[] = [
  'string',
  'integer',
  'number',
  'decimal',
  'boolean',
  'timestamp',
  'date',
  'uuid',
  'json',
];
const operator = fc.constantFrom('eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'in', 'like', 'is', 'or', '', 'eq.eq');
const operand = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.integer().map(String),
  fc.double().map(String),
  fc.constantFrom(
    'null',
    'true',
    '(a,b)',
    '("x,y",z)',
    '"',
    "'; DROP TABLE t; --",
    "'",
    "a'b",
    '$1',
    '?',
    '2026-01-31',
    '\u0000',
  ),
);
const filter = fc.oneof(
  fc.tuple(operator, operand).map((parts) => parts.join('.')),
  fc.string(),
);

/**
 * A filter is refused, or becomes the same text of SQL whatever its value says: values are bound. Only a literal of characters that
 * mean nothing in one may stand in their place.
 */
export const filterLaw: fc.IRawProperty<unknown> = fc.property(
  fc.constantFrom(...COLUMN_TYPES),
  filter,
  (type, text) => {
    const column: Column = { name: 'c', type, required: false };
    let condition: Condition;
    try {
      condition = parseFilter(column, text);
    } catch (error) {
      assert.ok(isAzudError(error, 'invalid-parameter'), String(error));
      return;
    }
    const harmless = { ...condition, value: harmlessOf(condition) };
    assert.equal(sqlOf(column, condition), sqlOf(column, harmless), text);
  },
);

/** A value of the same shape that says nothing. */
function harmlessOf({ value, operator: name }: Condition): Condition['value'] {
  if (Array.isArray(value)) return value.map(() => 'x');
  return name === 'is' ? value : 'x';
}

/** A parameter or a plain literal, each with its type or without. */
const VALUE = /CAST\((?:\$\d+|'[\w:.+-]*') AS [A-Z]+(?:\(\d+,\d+\))?\)|\$\d+/g;

function sqlOf(column: Column, condition: Condition): string {
  const query = { table: 't', select: [column], where: [condition], order: [], after: null, limit: 1 };
  return compileRows(query, [column], DUCKDB_DIALECT).text.replaceAll(VALUE, '?');
}

function refused(work: () => unknown, code: 'invalid-cursor'): void {
  assert.throws(work, (error) => isAzudError(error, code));
}
