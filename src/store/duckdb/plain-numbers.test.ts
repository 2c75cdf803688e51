import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { SYSTEM_COLUMNS } from '../../event/dataset.ts';
import { batchOf, datasetOf } from '../conformance/fixtures.ts';
import { NO_COUNTS, type SettledBatch } from '../settle.ts';
import { createTable } from '../sql/compiler.ts';
import { DUCKDB_DIALECT } from './dialect.ts';
import { arePlain } from './plain-numbers.ts';
import { RowTexts } from './row-texts.ts';
import { Session } from './session.ts';
import { rowStatements } from './statements.ts';

const ODD = 'odd "\\ ñ name\'';
const SIZES = datasetOf('sizes', { size: 'number', [ODD]: 'number', text: 'string', place: 'integer' });

const settledOf = (lines: readonly string[]): SettledBatch => ({
  batch: batchOf(SIZES, lines),
  counts: NO_COUNTS,
  kept: null,
});

/** The rows that either statement makes of the lines; null: it refuses them. */
async function withBoth(
  body: (rowsOf: (lines: readonly string[]) => Promise<{ texts: unknown; plain: unknown }>) => Promise<void>,
) {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const session = await Session.open(instance);
  await session.run(createTable(SIZES.name, [...SIZES.columns, ...SYSTEM_COLUMNS], DUCKDB_DIALECT));
  const { insert, plain } = rowStatements(SIZES, new Set());
  const texts = new RowTexts();
  const rows = async (sql: string, batch: SettledBatch) => {
    await session.run('DELETE FROM sizes');
    try {
      await session.runPlanned(sql, await texts.of([batch], SIZES, []));
    } catch (error) {
      assert.match(String(error), /Conversion Error/);
      return null;
    }
    // As text too: `-0` is 0 for JavaScript's eyes only.
    return session.run('SELECT *, CAST(size AS VARCHAR) FROM sizes ORDER BY place');
  };
  await body(async (lines) => {
    const batch = settledOf(lines);
    return { texts: await rows(insert[0] ?? '', batch), plain: await rows(plain, batch) };
  });
  session.close();
  instance.closeSync();
}

const NUMBERS =
  '0 -0 -0.0 0.0 1 1.0 1e0 10E-1 2 -1 0.1 1e308 1.7976931348623157e308 5e-324 2e-324 1e-400 9007199254740993 ' +
  '18446744073709551615 18446744073709551616 -9223372036854775809 123456789012345678901234567890 4.35 1e999 -1e999';
const OTHERS =
  'null true false [] [1] {} {"size":2} "" "1.5" "2" "0" "1" " 2 " "abc" "NaN" "inf" "-inf" "+5" ".5" "5." "1_000" "1e5" "0x10" ' +
  '"1,5" "1e999" "5abc" "\\u0035" "5\\u0000" "true" "false" "1e+" "\\ufeff5"';

test('a number is the same, or as much refused, whether it is parsed as a double or as a text', () =>
  withBoth(async (rowsOf) => {
    const values = [...NUMBERS.split(' '), ...OTHERS.replaceAll('" 2 "', '"_2_"').split(' ')];
    for (const value of [...values, '" 2 "']) {
      for (const line of [`{"size":${value}}`, `{ "text": "a", "size" : ${value} , "place": 1 }`]) {
        const { texts, plain } = await rowsOf([line]);
        assert.deepEqual(plain, texts, line);
      }
    }
    const hidden = ['{"text":"\\"size\\":1"}', '{"\\u0073ize":true}', '{"text":"true","size":1}', '{}'];
    for (const line of hidden) {
      const { texts, plain } = await rowsOf([line]);
      assert.deepEqual(plain, texts, line);
    }
  }));

test('rows that are read again stand beside those that are not', () =>
  withBoth(async (rowsOf) => {
    const scattered = (place: number) => Math.sin(place) * 10 ** ((place % 600) - 300);
    const lines = Array.from({ length: 5_000 }, (_, place) => {
      const size = place % 7 === 0 ? [null, 0, 1, '3'][place % 4] : scattered(place);
      return JSON.stringify({ place, text: String(place), size, ...(place % 5 ? { [ODD]: place / 8 } : {}) });
    });
    const { texts, plain } = await rowsOf(lines);
    assert.deepEqual(plain, texts);
    assert.equal((plain as unknown[][]).filter(([size]) => size !== null).length, 5_000 - Math.ceil(5_000 / 28));
    const { plain: none } = await rowsOf([...lines, '{"size":true}']);
    assert.equal(none, null);
  }));

test('lines are taken to have plain numbers when few of a sample have none', () => {
  const lines = (count: number, line: (n: number) => object) =>
    settledOf(Array.from({ length: count }, (_, n) => JSON.stringify(line(n))));
  const plain = lines(1_000, (n) => ({ size: n + 1.5, place: n, text: '{"size":null}', [ODD]: -n - 2 }));
  const others = [null, 0, 1, true, '2', undefined].map((size) => lines(100, () => ({ size, [ODD]: 2 })));
  assert.ok(arePlain([plain], ['size', ODD]));
  assert.ok(arePlain([lines(1, () => ({ size: 5 }))], ['size']));
  for (const batch of others) assert.ok(!arePlain([batch], ['size', ODD]));
  assert.ok(arePlain([...Array(20).fill(plain), others[0]], ['size', ODD]));
  assert.ok(!arePlain([plain, ...others, plain], ['size', ODD]));
  assert.ok(!arePlain([plain], ['size', 'not there']));
  assert.ok(!arePlain([plain], []));
});
