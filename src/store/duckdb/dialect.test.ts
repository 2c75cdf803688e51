import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DUCKDB_DIALECT } from './dialect.ts';

const literal = (value: string | number | boolean | null, type: 'string' | 'integer' | 'timestamp' | 'uuid' | 'json') =>
  DUCKDB_DIALECT.literal?.(value, type);

test('ids, times and whole numbers stand in the text', () => {
  assert.equal(literal('o-1', 'string'), "CAST('o-1' AS VARCHAR)");
  assert.equal(literal('', 'string'), "CAST('' AS VARCHAR)");
  assert.equal(literal('2026-01-01T00:00:00.000Z', 'timestamp'), "CAST('2026-01-01T00:00:00.000Z' AS TIMESTAMPTZ)");
  const smallest = String(-(2n ** 127n));
  assert.equal(literal(smallest, 'integer'), `CAST('${smallest}' AS HUGEINT)`);
  assert.equal(literal(10, 'integer'), "CAST('10' AS HUGEINT)");
});

test('what could mean anything in a literal is bound', () => {
  for (const text of ["'", 'a b', 'á', '$1', '\\', 'a\0', 'a\n', '%', '"', ';', '(', "x' OR 1=1 --"]) {
    assert.equal(literal(text, 'string'), null, text);
    assert.equal(literal(text, 'integer'), null, text);
  }
  assert.equal(literal(null, 'string'), null);
  assert.equal(literal(null, 'integer'), null);
  assert.equal(literal('', 'integer'), null);
  assert.equal(literal('{}', 'json'), null);
});

test('whatever the value, a literal is one quoted text without a quote in it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const spelled = literal(text, 'string');
      if (spelled !== null) assert.match(spelled ?? '', /^CAST\('[^'\\]*' AS VARCHAR\)$/);
    }),
  );
});
