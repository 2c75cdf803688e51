import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AzudError, type RowError } from '../error/azud-error.ts';
import type { JsonSchema } from './dataset.ts';
import { compileDataset, createValidator, type DatasetDeclaration } from './validator.ts';

const schemaOf = (properties: Record<string, unknown>, more: object = {}): JsonSchema => ({
  type: 'object',
  properties,
  ...more,
});

function mistakes(declaration: DatasetDeclaration, name = 'flights'): readonly string[] {
  try {
    compileDataset(name, declaration);
    return [];
  } catch (error) {
    assert.ok(error instanceof AzudError);
    assert.equal(error.code, 'invalid-config');
    return error.errors.map((each) => each.path);
  }
}

describe('compileDataset', () => {
  it('derives a column from each property, in their order', () => {
    const schema = schemaOf(
      {
        a: { type: 'string' },
        b: { type: 'string', format: 'date-time' },
        c: { type: ['string', 'null'], format: 'date' },
        d: { anyOf: [{ type: 'string', format: 'uuid' }, { type: 'null' }] },
        e: { type: 'string', format: 'decimal' },
        f: { type: 'string', format: 'email' },
        g: { type: 'integer' },
        h: { type: ['integer', 'number'] },
        i: { type: 'boolean' },
        j: { type: 'object' },
        k: { type: ['string', 'integer'] },
        l: true,
        m: { $ref: '#/$defs/amount' },
        select: { type: 'string' },
        'a"b': { type: 'string' },
        rowid: { type: 'string' },
      },
      { required: ['a', 'c', 'm'], $defs: { amount: { type: 'number' } } },
    );
    const { columns } = compileDataset('flights', { schema });
    const types = [
      'string',
      'timestamp',
      'date',
      'uuid',
      'decimal',
      'string',
      'integer',
      'number',
      'boolean',
      'json',
      'json',
      'json',
      'number',
      'string',
      'string',
      'string',
    ];
    assert.deepEqual(
      columns.map((column) => column.type),
      types,
    );
    assert.deepEqual(
      columns.filter((column) => column.required).map((column) => column.name),
      ['a', 'm'],
    );
  });

  const schema = schemaOf({
    id: { type: 'string' },
    at: { type: 'string', format: 'date-time' },
    o: { type: 'object' },
  });
  const refused: readonly (readonly [string, DatasetDeclaration, readonly string[]])[] = [
    [
      'an unknown format',
      { schema: schemaOf({ a: { type: 'string', format: 'foo' } }) },
      ['/schema/properties/a/format'],
    ],
    ['an unknown keyword', { schema: schemaOf({ a: { typ: 'string' } }) }, ['/schema/properties/a/typ']],
    [
      'every unknown keyword, but no property that is named like nothing',
      { schema: { ...schemaOf({ typ: { minLenght: 3 }, format: { const: { reqired: 1 } } }), reqired: ['typ'] } },
      ['/schema/properties/typ/minLenght', '/schema/reqired'],
    ],
    [
      'a reference out of the document',
      { schema: schemaOf({ a: { $ref: 'https://example.com/x.json' } }) },
      ['/schema'],
    ],
    ['a schema without properties', { schema: { type: 'object' } }, ['/schema/properties']],
    ['a schema of an array', { schema: { type: 'array', properties: {} } }, ['/schema/type']],
    ['a reserved name', { schema: schemaOf({ _id: {} }) }, ['/schema/properties/_id']],
    ['names that differ only in case', { schema: schemaOf({ Id: {}, id: {} }) }, ['/schema/properties/id']],
    [
      'a name of more than 63 bytes',
      { schema: schemaOf({ ['ñ'.repeat(32)]: {} }) },
      [`/schema/properties/${'ñ'.repeat(32)}`],
    ],
    ['a name with control characters', { schema: schemaOf({ 'a\nb': {} }) }, ['/schema/properties/a\nb']],
    ['an event_id that is not declared', { schema, event_id: '/nope' }, ['/event_id']],
    ['an event_id that is no top-level pointer', { schema, event_id: 'id' }, ['/event_id']],
    ['an event_id of another type', { schema, event_id: '/o' }, ['/event_id']],
    ['a time that is none', { schema, time: '/id' }, ['/time']],
    ['upsert without a key', { schema, mode: 'upsert' }, ['/key']],
    ['several mistakes at once', { schema, key: '/x', event_id: '/y' }, ['/event_id', '/key']],
  ];
  for (const [what, declaration, paths] of refused) {
    it(`refuses ${what}, with its path`, () => assert.deepEqual(mistakes(declaration), paths));
  }

  it('refuses names that are no dataset names', () => {
    for (const name of ['a;drop', '../x', 'A', '', 'x'.repeat(64), 'аbc', '_x', '1a'])
      assert.deepEqual(mistakes({ schema }, name), ['']);
    assert.deepEqual(mistakes({ schema }, 'information_schema'), []);
  });
});

const flights = compileDataset('flights', {
  schema: schemaOf(
    {
      id: { type: 'string' },
      delay: { type: 'integer', minimum: -100 },
      price: { type: 'number' },
      at: { type: 'string', format: 'date-time' },
      day: { type: 'string', format: 'date' },
      code: { type: 'string', pattern: '^[A-Z]{3}$' },
      kind: { type: 'string', enum: ['a', 'b'] },
      any: true,
      toString: { type: 'string' },
    },
    { required: ['id'] },
  ),
  event_id: '/id',
});
const validator = createValidator(flights);
const errorsOf = (event: string): readonly RowError[] => validator.check(event).errors;

describe('the validator', () => {
  it('says what was wrong and what came', () => {
    const said: readonly (readonly [string, string, string])[] = [
      ['{"id":"x","delay":"12m"}', '/delay', '/delay must be an integer, got "12m"'],
      ['{"id":"x","delay":{"a":1}}', '/delay', '/delay must be an integer, got an object'],
      ['{"id":"x","delay":1.5}', '/delay', '/delay must be an integer, got 1.5'],
      ['{"id":"x","delay":-101}', '/delay', '/delay must be >= -100, got -101'],
      ['{"id":"x","code":"scl"}', '/code', '/code must match "^[A-Z]{3}$", got "scl"'],
      ['{"id":"x","kind":"c"}', '/kind', '/kind must be one of "a", "b", got "c"'],
      [
        '{"id":"x","at":"2026-02-30T00:00:00Z"}',
        '/at',
        '/at must be a time such as 2026-01-31T08:00:00Z, at most to the microsecond, got "2026-02-30T00:00:00Z"',
      ],
      ['{"id":"x","toString":1}', '/toString', '/toString must be a string, got 1'],
    ];
    for (const [event, path, message] of said)
      assert.deepEqual(errorsOf(event), [{ path, code: 'schema_violation', message }]);
  });

  it('tells all errors of an event, and never much of the event', () => {
    assert.deepEqual(
      errorsOf('{"id":"x","delay":"a","price":"b","code":1}').map((error) => error.path),
      ['/delay', '/price', '/code'],
    );
    for (const error of errorsOf(`{"id":"x","delay":"${'y'.repeat(5_000)}"}`)) assert.ok(error.message.length < 200);
    for (const error of errorsOf(`{"id":"x","${'y'.repeat(256)}":1e999}`)) assert.ok(error.message.length < 200);
  });

  it('keeps integers of any length exact, and refuses what a column could only round', () => {
    const codes = (event: string) => errorsOf(event).map((error) => `${error.path} ${error.code}`);
    assert.deepEqual(codes('{"id":"x","delay":12345678901234567890}'), []);
    assert.deepEqual(codes(`{"id":"x","delay":${2n ** 127n - 1n}}`), []);
    assert.deepEqual(codes(`{"id":"x","delay":${2n ** 127n}}`), ['/delay number_range']);
    assert.deepEqual(codes('{"id":"x","delay":1.0,"price":-0}'), []);
    assert.deepEqual(codes('{"id":"x","delay":1e3}'), []);
    assert.deepEqual(codes('{"id":"x","delay":9007199254740993.0}'), ['/delay number_range']);
    assert.deepEqual(codes('{"id":"x","delay":1e30}'), ['/delay number_range']);
    assert.match(errorsOf('{"id":"x","delay":1e30}')[0]?.message ?? '', /written out in digits.*got 1e30/);
    assert.deepEqual(codes('{"id":"x","price":0.30000000000000004}'), []);
    assert.deepEqual(codes('{"id":"x","price":1.23456789012345678}'), ['/price number_range']);
    assert.deepEqual(codes('{"id":"x","price":9007199254740993}'), ['/price number_range']);
    assert.deepEqual(codes('{"id":"x","price":9007199254740992}'), []);
    assert.deepEqual(codes('{"id":"x","price":123456789012345680000}'), [], 'as JavaScript writes that double');
    assert.deepEqual(codes('{"id":"x","price":100000000000000000000000}'), []);
    assert.deepEqual(codes(`{"id":"x","price":${2n ** 55n}}`), []);
    assert.deepEqual(codes('{"id":"x","any":1.23456789012345678901234567890}'), []);
  });

  it('takes only times and days that every store can keep', () => {
    const fits = (field: string, value: string) => errorsOf(JSON.stringify({ id: 'x', [field]: value })).length === 0;
    const times = [
      '2026-02-28T12:00:00Z',
      '2024-02-29T23:59:59.123456Z',
      '2026-01-01T00:00:00.5+14:00',
      '0001-01-01T00:00:00Z',
      '9999-12-31T23:59:59.999999Z',
      '2026-01-01T00:00:00.123456000Z',
    ];
    const noTimes = [
      '2026-02-30T00:00:00Z',
      '0000-01-01T00:00:00Z',
      '275760-09-13T00:00:00Z',
      '-0001-01-01T00:00:00Z',
      '2026-01-01',
      '2026-01-01T00:00:00',
      '2026-01-01 00:00:00Z',
      '2016-12-31T23:59:60Z',
      '2026-01-01T24:00:00Z',
      '1767225600',
      '2026-01-01T00:00:00.1234567Z',
      '9999-12-31T23:59:59-01:00',
      '2026-01-01t00:00:00z',
      '2026-01-01T00:00:00.Z',
      '',
    ];
    for (const time of times) assert.ok(fits('at', time), time);
    for (const time of noTimes) assert.ok(!fits('at', time), time);
    for (const day of ['2026-12-31', '2000-02-29']) assert.ok(fits('day', day), day);
    for (const day of ['1900-02-29', '2026-13-01', '2026-00-10', '2026-1-1', '26-01-01', '2026-01-01T', '٢٠٢٦-01-01'])
      assert.ok(!fits('day', day), day);
  });

  it('reads the event id, a string or an integer, exactly', () => {
    const idOf = (event: string) =>
      createValidator(
        compileDataset('d', {
          schema: schemaOf({ id: { type: ['string', 'integer'] }, n: { type: 'integer' } }),
          event_id: '/n',
        }),
      ).check(event);
    assert.equal(idOf('{"n":12345678901234567890}').eventId, '12345678901234567890');
    assert.equal(validator.check('{"id":"a\\u0062c"}').eventId, 'abc');
    assert.equal(validator.check('{"id":"ñandú"}').eventId, 'ñandú');
    const codes = (event: string) => errorsOf(event).map((error) => error.code);
    assert.deepEqual(codes('{"id":""}'), ['invalid_id']);
    assert.deepEqual(codes(`{"id":"${'x'.repeat(129)}"}`), ['invalid_id']);
    assert.deepEqual(codes('{"id":"a\\u0007"}'), ['invalid_id']);
    assert.deepEqual(
      idOf('{"n":1.0}').errors.map((error) => error.code),
      ['invalid_id'],
    );
  });

  it('says when a property is not in the schema', () => {
    assert.equal(validator.check('{"id":"x"}').extras, false);
    assert.equal(validator.check('{"id":"x","more":1}').extras, true);
  });

  it('answers the event as one line', () => {
    assert.equal(validator.check('{\r\n"id":\n"x"}').line.toString(), '{  "id": "x"}');
  });

  it('needs the key of an upsert dataset', () => {
    const dataset = compileDataset('clients', {
      mode: 'upsert',
      key: '/id',
      schema: schemaOf({ id: { type: ['integer', 'null'] } }),
    });
    const codes = (event: string) =>
      createValidator(dataset)
        .check(event)
        .errors.map((error) => error.path);
    assert.deepEqual(codes('{"id":1}'), []);
    assert.deepEqual(codes('{"id":null}'), ['/id']);
    assert.deepEqual(codes('{}'), ['/id']);
  });

  it('never throws, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        validator.check(bytes);
      }),
    );
    assert.deepEqual(
      validator.check(Buffer.from([0x22, 0xff, 0x22])).errors.map((error) => error.code),
      ['invalid_utf8'],
    );
  });
});
