import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { eventIdAt } from '../../event/ids.ts';
import { datasetOf } from '../conformance/fixtures.ts';
import { extraOf, membersOf } from '../members.ts';
import { columnValue } from '../value.ts';
import { CopyRows, type RowSource } from './copy-rows.ts';
import { postgresTime } from './values.ts';

const COLUMNS = { s: 'string', i: 'integer', n: 'number', b: 'boolean', t: 'timestamp', d: 'date', j: 'json' } as const;
const DATASET = datasetOf('rows', COLUMNS);
const NAMES = new Set(Object.keys(COLUMNS));
const TRANSACTION = '018f0000-0000-7000-8000-0000000000ab';

function sourceOf(lines: readonly string[], more: Partial<RowSource['batch']> = {}): RowSource {
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  const batch = {
    lines: bytes,
    count: lines.length,
    ids: null,
    transactionId: TRANSACTION,
    receivedAt: 0,
    extras: true,
  };
  return { batch: { ...batch, ...more }, kept: null };
}

/** The COPY as PostgreSQL reads it: values by row, null for `\N`. */
function copied(sources: readonly RowSource[], rows = new CopyRows(DATASET)): (string | null)[][] {
  let text = '';
  for (const part of rows.of(sources)) text += part.toString();
  const unescaped: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', '\\': '\\' };
  const value = (field: string) =>
    field === '\\N' ? null : field.replace(/\\(.)/g, (_, letter: string) => unescaped[letter] ?? assert.fail(letter));
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t').map(value));
}

/** What `../value.ts` and `../members.ts` make of an event. */
function expected(line: string): (string | null)[] {
  const members = membersOf(line);
  const raw = new Map(members.map((member) => [member.name, member.raw]));
  const values = DATASET.columns.map((column) => {
    const value = columnValue(raw.get(column.name), column);
    if (value === null) return null;
    return column.type === 'timestamp' || column.type === 'date' ? postgresTime(String(value)) : String(value);
  });
  return [...values, extraOf(members, NAMES)];
}

/** Times and numbers that went as they stood are spelled as they were sent: the same value, not the same text. */
function comparable(row: readonly (string | null)[]): (string | null)[] {
  const [s, i, n, b, t, d, j, extra] = row.map((value) => value ?? null);
  const number = (value: string | null | undefined) => (value == null ? null : String(Number(value) + 0));
  const time = t == null || t.endsWith(' BC') ? (t ?? null) : String(Date.parse(t));
  return [
    s ?? null,
    i == null ? null : String(BigInt(i)),
    number(n),
    b ?? null,
    time,
    d ?? null,
    j ?? null,
    extra ?? null,
  ];
}

const space = fc.constantFrom('', ' ', '\t', '\r', '  ');
const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' })).filter((one) => !one.includes('\0'));
const escaped = (json: string) =>
  json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
const jsonText = fc
  .tuple(text, fc.boolean())
  .map(([one, ascii]) => (ascii ? escaped(JSON.stringify(one)) : JSON.stringify(one)));
const anyJson = fc.jsonValue().map((value) => JSON.stringify(value));
const instants = fc.date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
const VALUES: Readonly<Record<keyof typeof COLUMNS | 'x', fc.Arbitrary<string>>> = {
  s: jsonText,
  i: fc.oneof(
    fc.bigInt({ min: -(2n ** 127n), max: 2n ** 127n - 1n }).map(String),
    fc.constantFrom('1.0', '-0', '12e3', '1.50e1'),
  ),
  n: fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => JSON.stringify(n)),
    fc.integer().map(String),
  ),
  b: fc.constantFrom('true', 'false'),
  t: instants.map((date) => JSON.stringify(date)),
  d: instants.map((date) => JSON.stringify(date.toISOString().slice(0, 10))),
  j: anyJson,
  x: anyJson,
};

const member = fc
  .constantFrom(...(Object.keys(VALUES) as (keyof typeof VALUES)[]))
  .chain((name) =>
    fc
      .tuple(fc.oneof({ weight: 5, arbitrary: VALUES[name] }, fc.constant('null')), space, space, space)
      .map(([value, a, b, c]) => ({ name, text: `${a}"${name}"${b}:${c}${value}` })),
  );
const event = fc
  .uniqueArray(member, { selector: ({ name }) => name, maxLength: 8 })
  .map((members) => `{${members.map((one) => one.text).join(',')} }`);

test('any event becomes the row that the other stores make of it', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 8 }), (lines) => {
      const rows = copied([sourceOf(lines)]);
      assert.deepEqual(
        rows.map((row) => comparable([...row.slice(0, 7), row.at(-1) ?? null])),
        lines.map((line) => comparable(expected(line))),
      );
    }),
    { numRuns: 500 },
  );
});

test('ids, transaction and time follow the event; lines that are not kept leave no row', () => {
  const lines = ['{"i":0}', '{"i":1}', '{"i":2}'];
  const [, , own] = copied([sourceOf(lines)]);
  assert.deepEqual(own?.slice(-4), [eventIdAt(TRANSACTION, 2), TRANSACTION, '1970-01-01T00:00:00.000Z', null]);
  const some = copied([{ ...sourceOf(lines, { ids: ['a', 'b\\n', 'c'] }), kept: [1, 2] }]);
  assert.deepEqual(
    some.map((row) => [row[1], row.at(-4)]),
    [
      ['1', 'b\\n'],
      ['2', 'c'],
    ],
  );
});

test('what lies in its record is copied from there: neither its lines nor its ids are made', () => {
  const made = (): never => assert.fail('it was made');
  const bytes = Buffer.concat([
    Buffer.alloc(4),
    Buffer.from(TRANSACTION.replaceAll('-', ''), 'hex'),
    Buffer.from('{"i":7}\n{"i":8}\n'),
  ]);
  const batch = {
    uuids: { bytes, at: 4 - 16 },
    linesSpan: { bytes, from: 20, to: 28 },
    count: 1,
    ids: null,
    receivedAt: 0,
    extras: false,
    get lines(): Buffer {
      return made();
    },
    get transactionId(): string {
      return made();
    },
  };
  assert.deepEqual(
    copied([{ batch, kept: null }]).map((row) => [row[1], ...row.slice(-4)]),
    [['7', eventIdAt(TRANSACTION, 0), TRANSACTION, '1970-01-01T00:00:00.000Z', null]],
  );
});

test('events of any size pass, and the memory is used again', () => {
  const rows = new CopyRows(DATASET);
  const large = JSON.stringify({ s: '\\\t'.repeat(60_000), j: { a: 'x'.repeat(60_000) }, more: '\n'.repeat(20_000) });
  const lines = Array.from({ length: 30 }, (_, i) => (i % 3 ? `{"i":${i}}` : large));
  for (let round = 0; round < 2; round += 1) {
    const found = copied([sourceOf(lines)], rows);
    assert.equal(found.length, 30);
    assert.equal(found[27]?.[0]?.length, 120_000);
    assert.equal(found[29]?.[1], '29');
  }
});

test('a member whose name is spelled with escapes is found', () => {
  assert.deepEqual(
    copied([sourceOf(['{"\\u0073":"x"}', '{"s":"y"}'])]).map(([s]) => s),
    ['x', 'y'],
  );
});

test('a key too long for an index, and U+0000, are refused by path', () => {
  const keyed = new CopyRows({ ...DATASET, mode: 'upsert', key: 's' });
  const bad = { code: 'bad-row', path: '/s' };
  assert.throws(() => [...keyed.of([sourceOf([JSON.stringify({ s: 'k'.repeat(3_000) })])])], bad);
  assert.throws(() => copied([sourceOf(['{"s":"a\\u0000"}'])]), bad);
  assert.equal([...keyed.of([sourceOf(['{"s":"k"}'])])].join('').endsWith('\t0\n'), true);
});
