import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonSchema } from './dataset.ts';
import { JsonScanner } from './json/scanner.ts';
import { compilePlainCheck } from './plain-check.ts';
import { compileSchema } from './schema.ts';
import { compileDataset, createValidator } from './validator.ts';

const schemaOf = (properties: Record<string, unknown>, more: object = {}): JsonSchema => ({
  type: 'object',
  properties,
  ...more,
});

describe('the plain check', () => {
  const property = fc.oneof(
    fc.record({ type: fc.constantFrom('string', 'integer', 'number', 'boolean', 'null', 'object', 'array') }),
    fc.record(
      { type: fc.constant(['string', 'null']), maxLength: fc.nat(4), minLength: fc.nat(2) },
      { requiredKeys: ['type'] },
    ),
    fc.record(
      {
        type: fc.constantFrom('number', 'integer'),
        minimum: fc.integer({ min: -5, max: 5 }),
        exclusiveMaximum: fc.integer({ min: -5, max: 50 }),
      },
      { requiredKeys: ['type'] },
    ),
    fc.record({
      type: fc.constant('string'),
      format: fc.constantFrom('date', 'date-time', 'uuid', 'email', 'time', 'decimal', 'ipv4'),
    }),
    fc.record({ pattern: fc.constantFrom('^[a-z]+$', '^.{2}$', 'ñ', '^\\d') }),
    fc.record({ enum: fc.constantFrom(['a', 'b', 'ñ'], ['a', 1], [null]) }),
    fc.record({ const: fc.constantFrom('a', 1) }),
    fc.constantFrom(true, false, {}),
    fc.constantFrom(
      { $ref: '#/$defs/x' },
      { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] },
      { type: 'array', items: { $ref: '#/$defs/x' } },
      { not: { type: 'string' } },
      { type: 'integer', multipleOf: 2 },
    ),
    fc.record({
      anyOf: fc.constantFrom(
        [{ type: 'string', maxLength: 2 }, { type: 'null' }],
        [{ type: 'null' }, { enum: ['a'] }],
        [{ type: 'null' }, false],
      ),
    }),
  );
  const value = fc.oneof(
    fc.string({ maxLength: 4 }),
    fc.constantFrom(
      'a',
      'b',
      'ñ',
      'ab',
      '12',
      '2026-01-31',
      '2026-02-30',
      '2026-01-31T08:00:00Z',
      '2026-01-31T08:00:00.5Z',
      '2026-01-31T25:00:00Z',
      '2026-01-31T08:00:00+01:00',
      'a@b.cl',
      '1.5',
      '127.0.0.1',
      '6c84fb90-12c4-11e1-840d-7b25c5ee775a',
    ),
    fc.integer({ min: -10, max: 60 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom({}, [], { a: 1 }, ['x']),
  );
  const names = ['a', 'b', 'c'] as const;

  it('never says yes to what Ajv refuses', () => {
    let yes = 0;
    const schemas = fc.record({
      properties: fc.record(Object.fromEntries(names.map((name) => [name, property])), { requiredKeys: [] }),
      required: fc.constantFrom([], [], ['a'], ['b', 'd']),
      additionalProperties: fc.boolean(),
    });
    const events = fc.array(fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), value), { minLength: 5, maxLength: 30 });
    fc.assert(
      fc.property(schemas, events, (rest, all) => {
        const schema = { type: 'object', $defs: { x: { type: ['string', 'object'] } }, ...rest };
        const validate = compileSchema(schema);
        const columns = Object.keys(rest.properties).map((name) => ({ name, type: 'json' as const, required: false }));
        const plain = compilePlainCheck(schema, columns);
        const scanner = new JsonScanner(columns.map((column) => column.name));
        for (const event of all) {
          const bytes = Buffer.from(JSON.stringify(event));
          scanner.read(bytes, 0, bytes.length);
          if (!plain?.fits(bytes, scanner)) continue;
          yes += 1;
          assert.equal(validate(event), true, bytes.toString());
        }
      }),
      { numRuns: 1_500 },
    );
    assert.ok(yes > 500, `it said yes ${yes} times`);
  });

  it('does not take a reference for what it means elsewhere', () => {
    const schema = schemaOf(
      { y: { type: 'string' }, z: { $ref: '#/$defs/x', properties: { y: { type: 'integer' } } } },
      { $defs: { x: { additionalProperties: { $ref: '#/properties/y' } } } },
    );
    const check = createValidator(compileDataset('d', { schema }));
    assert.deepEqual(
      check.check('{"z":{"y":1}}').errors.map((error) => error.path),
      ['/z/y'],
    );
  });

  it('says yes to a common event, so that it is never parsed', () => {
    const schema = schemaOf(
      {
        id: { type: 'string', maxLength: 5 },
        at: { type: 'string', format: 'date-time' },
        n: { type: 'number', minimum: 0 },
        c: { type: 'string', pattern: '^[A-Z]+$' },
      },
      { required: ['id'], additionalProperties: false },
    );
    const columns = compileDataset('d', { schema }).columns;
    const scanner = new JsonScanner(columns.map((column) => column.name));
    const bytes = Buffer.from('{"id":"abc","at":"2026-01-31T08:00:00.25Z","n":1.5,"c":"SCL"}');
    scanner.read(bytes, 0, bytes.length);
    assert.equal(compilePlainCheck(schema, columns)?.fits(bytes, scanner), true);
  });
});
