import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Column } from '../../event/dataset.ts';
import type { RowsQuery } from '../driver.ts';
import { addColumn, compileRows, createTable, dropColumn } from './compiler.ts';
import { type Dialect, quote } from './dialect.ts';

const PLAIN: Dialect = {
  type: ({ type, integerBits }) => `${type.toUpperCase()}${integerBits ?? ''}`,
  parameter: (index, type) => `$${index}::${type}`,
  read: (name) => name,
  likeEscape: " ESCAPE ''",
};
const COLUMNS: readonly Column[] = [
  { name: 'a', type: 'integer', required: false },
  { name: 'b', type: 'string', required: false },
  { name: 'at', type: 'timestamp', required: true },
  { name: 'id', type: 'string', required: true },
];
const QUERY: RowsQuery = { table: 't', select: COLUMNS.slice(0, 2), where: [], order: [], after: null, limit: 10 };
const compiled = (more: Partial<RowsQuery>) => compileRows({ ...QUERY, ...more }, COLUMNS, PLAIN);

test('a query without conditions selects, quotes and limits', () => {
  assert.deepEqual(compiled({}), {
    text: 'SELECT "a" AS "a", "b" AS "b" FROM "t" LIMIT $1::integer',
    values: [{ value: 10, type: 'integer' }],
  });
});

test('each operator becomes its SQL, with its values bound by the type of the column', () => {
  const { text, values } = compiled({
    where: [
      { column: 'a', operator: 'gte', value: 3 },
      { column: 'b', operator: 'in', value: ['x', 'y'] },
      { column: 'b', operator: 'like', value: '%z' },
      { column: 'at', operator: 'is', value: null },
      { column: 'a', operator: 'in', value: [] },
    ],
  });
  assert.equal(
    text,
    'SELECT "a" AS "a", "b" AS "b" FROM "t" WHERE ("a" >= $1::integer) AND ("b" IN ($2::string, $3::string)) ' +
      'AND ("b" LIKE $4::string ESCAPE \'\') AND ("at" IS NULL) AND (FALSE) LIMIT $5::integer',
  );
  assert.deepEqual(
    values.map(({ value }) => value),
    [3, 'x', 'y', '%z', 10],
  );
});

test('a value stands in the text where the dialect spells it, and the others are bound', () => {
  const where = ['x', 'y'].map((value) => ({ column: 'b', operator: 'eq', value }) as const);
  const literal: Dialect['literal'] = (value) => (value === 'x' ? "'x'" : null);
  assert.deepEqual(compileRows({ ...QUERY, where }, COLUMNS, { ...PLAIN, literal }), {
    text: `SELECT "a" AS "a", "b" AS "b" FROM "t" WHERE ("b" = 'x') AND ("b" = $1::string) LIMIT $2::integer`,
    values: [
      { value: 'y', type: 'string' },
      { value: 10, type: 'integer' },
    ],
  });
});

test('a keyset says: later in the first column, or level and later in the rest; nulls come last', () => {
  const order = [
    { column: 'a', descending: true },
    { column: 'id', descending: false },
  ];
  const rest = 'LIMIT $4::integer';
  assert.equal(
    compiled({ order, after: [5, 'x'] }).text.split('WHERE ')[1],
    '("a" < $1::integer OR "a" IS NULL OR ("a" = $2::integer AND ("id" > $3::string))) ' +
      `ORDER BY "a" DESC NULLS LAST, "id" ASC NULLS LAST ${rest}`,
  );
  assert.match(compiled({ order, after: [null, 'x'] }).text, /WHERE \("a" IS NULL AND \("id" > \$1::string\)\)/);
});

test('a keyset on a column that is never null begins with a bound that engines can skip blocks by', () => {
  const order = [
    { column: 'at', descending: true },
    { column: 'id', descending: false },
  ];
  assert.match(compiled({ order, after: ['2026', 'x'] }).text, /WHERE \("at" <= \$\d::timestamp AND \("at" < /);
});

test('tables and columns are made with quoted names and the types of the dialect', () => {
  const column = { name: 'odd "name"', type: 'integer', integerBits: 64 } as const;
  assert.equal(createTable('t', [column], PLAIN), 'CREATE TABLE "t" ("odd ""name""" INTEGER64)');
  assert.equal(addColumn('t', column, PLAIN), 'ALTER TABLE "t" ADD COLUMN "odd ""name""" INTEGER64');
  assert.equal(dropColumn('t', 'a"b'), 'ALTER TABLE "t" DROP COLUMN "a""b"');
});

test('no value reaches the text, and every one is bound once where its number stands', () => {
  const value = fc.oneof(fc.string(), fc.integer(), fc.constant("'; DROP TABLE t; --"));
  const operator = fc.constantFrom('eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'like');
  const condition = fc.record({ column: fc.constantFrom('a', 'b', 'at', 'id'), operator, value });
  const shape = (where: RowsQuery['where']) => where.map((one) => ({ ...one, value: 'other' }));
  fc.assert(
    fc.property(fc.array(condition, { maxLength: 6 }), (where) => {
      const { text, values } = compiled({ where });
      assert.equal(text, compiled({ where: shape(where) }).text);
      assert.deepEqual(
        values.map((bound) => bound.value),
        [...where.map((one) => one.value), 10],
      );
      const numbers = [...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number));
      assert.deepEqual(
        numbers,
        values.map((_, at) => at + 1),
      );
    }),
  );
});

test('a quoted name can never end early', () => {
  fc.assert(
    fc.property(fc.string(), (name) => {
      const inner = quote(name).slice(1, -1);
      assert.equal(inner.replaceAll('""', '').includes('"'), false);
      assert.equal(inner.replaceAll('""', '"'), name);
    }),
  );
});
