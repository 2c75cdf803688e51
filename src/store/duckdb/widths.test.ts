import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAzudError } from '../../error/azud-error.ts';
import type { Dataset } from '../../event/dataset.ts';
import { at, batchOf, datasetOf } from '../conformance/fixtures.ts';
import type { DeadReason, UnitBatch } from '../driver.ts';
import { allRows } from '../reading.ts';
import { DuckdbStoreDriver } from './driver.ts';
import { inFolder } from './fixtures.ts';

const METERS = datasetOf('meters', { meter: 'integer', 'odd "name"': 'integer', place: 'string' });
/** One above what 64 bits hold. */
const BIG = 2n ** 63n;

async function open(dataDir: string, dataset: Dataset): Promise<DuckdbStoreDriver> {
  const driver = new DuckdbStoreDriver(
    { kind: 'duckdb', threads: 1, memory_limit: '512MB' },
    { dataDir, onFatal: () => {} },
  );
  await driver.open([dataset], { allowDestructive: false, onStep: () => {} });
  return driver;
}

const LIMITS = { timeoutMs: 10_000, signal: new AbortController().signal };
const query = async (driver: DuckdbStoreDriver, text: string) =>
  allRows(await driver.sql({ text, params: {} }, LIMITS));
/** Types of the three columns; the table must have a row. */
const typesOf = async (driver: DuckdbStoreDriver) =>
  (await query(driver, `SELECT typeof(meter), typeof("odd ""name"""), typeof(place) FROM meters LIMIT 1`))[0];

let offset = 0;
/** Events given as JSON: JavaScript would round them. */
function unitOf(dataset: Dataset, lines: readonly string[], dead?: ReadonlyMap<number, DeadReason>): UnitBatch {
  offset += 1;
  return { ...at(batchOf(dataset, lines), dead), position: { stream: 'log', offset } };
}

test('a column of integers is widened for the first that needs it, and what is there stays', () =>
  inFolder(async (dataDir) => {
    const driver = await open(dataDir, METERS);
    await driver.write({ batches: [unitOf(METERS, ['{"meter": 1}', '{"meter": -9223372036854775808}', '{}'])] });
    assert.deepEqual(await typesOf(driver), ['BIGINT', 'BIGINT', 'VARCHAR']);
    const more = [`{"meter": ${BIG}, "odd \\"name\\"": 7}`, `{"meter": 2}`];
    const counts = await driver.write({ batches: [unitOf(METERS, more), unitOf(METERS, ['{"place": "roof"}'])] });
    assert.deepEqual(
      counts.map((each) => each?.stored),
      [2, 1],
    );
    const wide = ['HUGEINT', 'BIGINT', 'VARCHAR'];
    const all = [[-9223372036854775808n], [1], [2], [BIG], [null], [null]];
    const kept = 'SELECT meter FROM meters ORDER BY meter NULLS LAST';
    assert.deepEqual(await typesOf(driver), wide);
    assert.deepEqual(await query(driver, kept), all);
    // As a killed process leaves it: nothing is folded into the file yet.
    await cp(join(dataDir, 'duckdb'), join(dataDir, 'killed', 'duckdb'), { recursive: true });
    const recovered = await open(join(dataDir, 'killed'), METERS);
    assert.deepEqual(await typesOf(recovered), wide);
    assert.deepEqual(await query(recovered, kept), all);
    await recovered.write({ batches: [unitOf(METERS, [`{"meter": ${BIG * 2n}}`])] });
    assert.deepEqual(await query(recovered, 'SELECT max(meter) FROM meters'), [[BIG * 2n]]);
    await recovered.close();
    await driver.close();
  }));

test('an integer that no column can hold widens nothing, and is found beside one that widens', () =>
  inFolder(async (dataDir) => {
    const driver = await open(dataDir, METERS);
    const bad = (error: unknown) => isAzudError(error, 'bad-row');
    const tooLarge = `{"meter": 1, "odd \\"name\\"": ${2n ** 127n}}`;
    await assert.rejects(driver.write({ batches: [unitOf(METERS, [tooLarge])] }), bad);
    await driver.write({ batches: [unitOf(METERS, ['{"meter": 3}'])] });
    assert.deepEqual(await typesOf(driver), ['BIGINT', 'BIGINT', 'VARCHAR']);
    const lines = [`{"meter": ${BIG}}`, tooLarge];
    await assert.rejects(driver.write({ batches: [unitOf(METERS, lines)] }), bad);
    await driver.probe(METERS, Buffer.from(`${lines[0]}\n`));
    await assert.rejects(driver.probe(METERS, Buffer.from(`${tooLarge}\n`)), (error) => {
      assert.ok(isAzudError(error, 'bad-row'));
      assert.equal(error.path, '/odd "name"');
      return true;
    });
    const reason: DeadReason = { stage: 'store', code: 'bad_row', message: 'too large', path: '' };
    const [counts] = await driver.write({ batches: [unitOf(METERS, lines, new Map([[1, reason]]))] });
    assert.deepEqual(counts, { accepted: 2, stored: 1, duplicate: 0, dead: 1 });
    assert.deepEqual(await query(driver, 'SELECT meter FROM meters ORDER BY 1'), [[3], [BIG]]);
    assert.deepEqual(await typesOf(driver), ['HUGEINT', 'BIGINT', 'VARCHAR']);
    await driver.close();
  }));

test('the key of an upsert dataset is widened with its rows in place', () =>
  inFolder(async (dataDir) => {
    const dataset = { ...METERS, mode: 'upsert', key: 'meter' } as const;
    const driver = await open(dataDir, dataset);
    await driver.write({ batches: [unitOf(dataset, ['{"meter": 5, "place": "cellar"}'])] });
    const second = [`{"meter": ${BIG}, "place": "roof"}`, '{"meter": 5, "place": "garden"}'];
    await driver.write({ batches: [unitOf(dataset, second)] });
    await driver.write({ batches: [unitOf(dataset, [`{"meter": ${BIG}, "place": "attic"}`])] });
    assert.deepEqual(await query(driver, 'SELECT meter, place FROM meters ORDER BY meter'), [
      [5, 'garden'],
      [BIG, 'attic'],
    ]);
    await driver.close();
  }));

test('a read that began before a column is widened goes on as it began', () =>
  inFolder(async (dataDir) => {
    const driver = await open(dataDir, METERS);
    const rows = Array.from({ length: 20_000 }, (_, meter) => `{"meter": ${meter}}`);
    await driver.write({ batches: [unitOf(METERS, rows)] });
    const stream = await driver.sql({ text: 'SELECT meter FROM meters', params: {} }, LIMITS);
    const chunks = stream.chunks[Symbol.asyncIterator]();
    const first = await chunks.next();
    assert.ok(!first.done);
    await driver.write({ batches: [unitOf(METERS, [`{"meter": ${BIG}}`])] });
    let read = first.value.length;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) read += next.value.length;
    assert.equal(read, rows.length);
    assert.deepEqual(await query(driver, 'SELECT count(*), max(meter) FROM meters'), [[rows.length + 1, BIG]]);
    await driver.close();
  }));
