import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { columnValue, decimalOf, isoOf } from './value.ts';

test('integers of any spelling come out exact', () => {
  const integer = { name: 'n', type: 'integer' } as const;
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 127n), max: 2n ** 127n - 1n }), fc.nat(5), (value, zeros) => {
      for (const text of [`${value}`, `${value}.${'0'.repeat(zeros + 1)}`, `${value}${'0'.repeat(zeros)}e-${zeros}`]) {
        assert.equal(BigInt(columnValue(text, integer) as bigint), value, text);
      }
    }),
  );
  for (const bad of ['1.5', '1e-1', '1e999', '"x"']) {
    assert.throws(() => columnValue(bad, integer), { code: 'bad-row', path: '/n' });
  }
});

test('a decimal has one spelling', () => {
  assert.deepEqual(['1.10', '-0.0', '007', '0.000', '-1.0'].map(decimalOf), ['1.1', '0', '7', '0', '-1']);
  assert.equal(decimalOf('1e5'), undefined);
});

test('times show microseconds only where there are any, before 1970 too', () => {
  assert.equal(isoOf(0n), '1970-01-01T00:00:00.000Z');
  assert.equal(isoOf(1_000_001n), '1970-01-01T00:00:01.000001Z');
  assert.equal(isoOf(-1n), '1969-12-31T23:59:59.999999Z');
});

test('the path of a bad value is a JSON Pointer', () => {
  assert.throws(() => columnValue('"x"', { name: 'a/b~c', type: 'date' }), { path: '/a~1b~0c' });
});
