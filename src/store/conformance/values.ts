import assert from 'node:assert/strict';
import type { ColumnType } from '../../event/dataset.ts';
import type { Value } from '../driver.ts';
import { at, batchOf, datasetOf, read, type StoreHarness } from './fixtures.ts';
import { storeTest } from './with-store.ts';

/** JSON text of a value, and the value read back. */
type Case = readonly [json: string, value: Value];

const CASES: Readonly<Record<ColumnType, readonly Case[]>> = {
  string: [
    ['""', ''],
    ['"plain"', 'plain'],
    ['"ñandú 🛩 \\ud83d\\ude00 é"', 'ñandú 🛩 😀 é'],
    ['"a\\u0000b"', 'a\u0000b'],
    ['"\\" \\\\ \\/ \\n \\t"', '" \\ / \n \t'],
    ['"\\u2028 null"', '\u2028 null'],
    ['"\ufeff"', '\ufeff'],
    ['"\\ufeff at its start and in it: \ufeff"', '\ufeff at its start and in it: \ufeff'],
    ['"null"', 'null'],
    ['"12"', '12'],
  ],
  integer: [
    ['0', 0],
    ['-7', -7],
    ['1.0', 1],
    ['1e2', 100],
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', 9007199254740993n],
    ['12345678901234567890', 12345678901234567890n],
    ['-9223372036854775808', -9223372036854775808n],
    ['170141183460469231731687303715884105727', 170141183460469231731687303715884105727n],
  ],
  number: [
    ['0.1', 0.1],
    ['-1.5e300', -1.5e300],
    ['5e-324', 5e-324],
    ['0.30000000000000004', 0.30000000000000004],
    ['3', 3],
  ],
  decimal: [
    ['"0.1"', '0.1'],
    ['"-12345678901234567890.123456789012345678"', '-12345678901234567890.123456789012345678'],
    ['"10"', '10'],
    ['"0"', '0'],
  ],
  boolean: [
    ['true', true],
    ['false', false],
  ],
  timestamp: [
    ['"2026-01-02T03:04:05Z"', '2026-01-02T03:04:05.000Z'],
    ['"2026-01-02T03:04:05.123+02:00"', '2026-01-02T01:04:05.123Z'],
    ['"2026-01-02T03:04:05.123456-03:30"', '2026-01-02T06:34:05.123456Z'],
    ['"1969-12-31T23:59:59.999999Z"', '1969-12-31T23:59:59.999999Z'],
    ['"9999-12-31T23:59:59.999999Z"', '9999-12-31T23:59:59.999999Z'],
    ['"2026-01-02t03:04:05z"', '2026-01-02T03:04:05.000Z'],
  ],
  date: [
    ['"2024-02-29"', '2024-02-29'],
    ['"0001-01-01"', '0001-01-01'],
    ['"9999-12-31"', '9999-12-31'],
  ],
  uuid: [
    ['"018f0000-0000-7000-8000-0000000000ab"', '018f0000-0000-7000-8000-0000000000ab'],
    ['"018F0000-0000-7000-8000-0000000000AB"', '018f0000-0000-7000-8000-0000000000ab'],
  ],
  json: [
    [
      '{"b":12345678901234567890.12345678901234567890,"a":[1.50, 1e2, -0]}',
      '{"b":12345678901234567890.12345678901234567890,"a":[1.50, 1e2, -0]}',
    ],
    ['[]', '[]'],
    ['"text \\u0000 é"', '"text \\u0000 é"'],
    ['1.50', '1.50'],
    ['true', 'true'],
  ],
};

const BAD: Readonly<Partial<Record<ColumnType, readonly string[]>>> = {
  integer: ['170141183460469231731687303715884105728', '1e60'],
  decimal: ['"1.1234567890123456789"', '"123456789012345678901"'],
  timestamp: ['"2026-02-30T00:00:00Z"', '"yesterday"'],
  date: ['"2026-02-30"'],
  uuid: ['"x"'],
};

export function valueCases(harness: StoreHarness): void {
  const waivers = harness.waivers ?? [];
  const waived = (type: ColumnType) => waivers.filter((waiver) => waiver.type === type).map(({ json }) => json);
  for (const [type, all] of Object.entries(CASES) as [ColumnType, readonly Case[]][]) {
    const cases = all.filter(([json]) => !waived(type).includes(json));
    const dataset = datasetOf('values', { value: type, 'odd "name" é': type });
    storeTest(
      harness,
      { name: `${type} values come back exactly as sent, null and missing as null`, datasets: [dataset] },
      async ({ driver }) => {
        const lines = [
          ...cases.map(([json]) => `{"value":${json},"odd \\"name\\" é":${json}}`),
          '{"value":null}',
          '{}',
        ];
        await driver.write({ batches: [at(batchOf(dataset, lines))] });
        const rows = await read(driver, dataset);
        assert.deepEqual(
          rows.map((row) => row.value),
          [...cases.map(([, value]) => value), null, null],
        );
        assert.deepEqual(
          rows.map((row) => row['odd "name" é']),
          [...cases.map(([, value]) => value), null, null],
        );
      },
    );
  }

  for (const type of Object.keys(CASES) as ColumnType[]) {
    const values = [...(BAD[type] ?? []), ...waived(type)];
    if (values.length === 0) continue;
    const dataset = datasetOf('values', { value: type });
    storeTest(
      harness,
      { name: `a value that ${type} cannot keep is refused by path and nothing is written`, datasets: [dataset] },
      async ({ driver }) => {
        for (const value of values) {
          const batch = batchOf(dataset, ['{"value":null}', `{"value":${value}}`]);
          const bad = { code: 'bad-row', path: '/value' };
          await assert.rejects(driver.write({ batches: [at(batch)] }), { code: 'bad-row' }, value);
          await assert.rejects(driver.probe(dataset, Buffer.from(`{"value":${value}}\n`)), bad, value);
        }
        assert.deepEqual(await read(driver, dataset), []);
        assert.deepEqual(await driver.progress(), []);
      },
    );
  }

  const mixed = datasetOf('mixed', { known: 'integer', doc: 'json' });
  storeTest(
    harness,
    { name: 'properties the schema does not name are kept in _extra with their exact text', datasets: [mixed] },
    async ({ driver }) => {
      const lines = [
        '{"known":1,"x":1.50,"doc":{"a": 1},"y":{"z":[1e2]}}',
        '{"known":2}',
        '{"_a\\u00e9\\"":null,"known":3}',
      ];
      await driver.write({
        batches: [at(batchOf(mixed, lines, { extras: true })), at(batchOf(mixed, ['{"known":4}']))],
      });
      const rows = await read(driver, mixed, { order: [{ column: 'known', descending: false }] });
      assert.deepEqual(
        rows.map((row) => row._extra),
        ['{"x":1.50,"y":{"z":[1e2]}}', null, '{"_aé\\"":null}', null],
      );
      assert.equal(rows[0]?.doc, '{"a": 1}');
    },
  );
}
