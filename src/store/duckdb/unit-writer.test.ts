import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAzudError } from '../../error/azud-error.ts';
import { at, batchOf, countsOf, datasetOf, limits, read } from '../conformance/fixtures.ts';
import { allRows } from '../reading.ts';
import { DuckdbStoreDriver } from './driver.ts';
import { inFolder } from './fixtures.ts';

const NOTES = datasetOf('notes', { place: 'integer', text: 'string', more: 'json' });
const BATCHES = 24;
/** With 24 batches of two such rows a unit of 24 MB, three times what the engine is given at a time. */
const TEXT = 'á'.repeat(256 * 1024);

async function open(dataDir: string): Promise<DuckdbStoreDriver> {
  const driver = new DuckdbStoreDriver({ kind: 'duckdb', threads: 1 }, { dataDir, onFatal: () => {} });
  await driver.open([NOTES], { allowDestructive: false, onStep: () => {} });
  return driver;
}

/** Every third batch has a property without a column. */
const batchAt = (n: number, extra: object = {}) =>
  batchOf(
    NOTES,
    [0, 1].map((row) => ({
      place: n * 2 + row,
      text: `${n} ${TEXT}`,
      more: [n],
      ...(n % 3 ? {} : { odd: n }),
      ...extra,
    })),
    { extras: n % 3 === 0 },
  );

test('a unit that the engine takes in pieces is stored as one of one piece', () =>
  inFolder(async (dataDir) => {
    const driver = await open(dataDir);
    const batches = Array.from({ length: BATCHES }, (_, n) => at(batchAt(n)));
    const counts = await driver.write({ batches });
    assert.ok(counts.every((each) => each?.stored === 2));
    const rows = await read(driver, NOTES, { order: [{ column: 'place', descending: false }] });
    const expected = batches.flatMap(({ batch }, n) =>
      [0, 1].map((row) => [
        n * 2 + row,
        `${n} ${TEXT}`.length,
        `[${n}]`,
        batch.transactionId,
        n % 3 ? null : `{"odd":${n}}`,
      ]),
    );
    const found = rows.map(({ place, text, more, _transaction_id, _extra }) => {
      return [place, String(text).length, more, _transaction_id, _extra];
    });
    assert.deepEqual(found, expected);
    assert.equal(new Set(rows.map((row) => row._event_id)).size, BATCHES * 2);
    await driver.close();
  }));

test('a bad row in a later piece takes back the pieces before it', () =>
  inFolder(async (dataDir) => {
    const driver = await open(dataDir);
    const good = Array.from({ length: BATCHES }, (_, n) => at(batchAt(n)));
    const bad = at(batchAt(BATCHES, { place: 'nowhere' }));
    await assert.rejects(driver.write({ batches: [...good, bad] }), (error) => isAzudError(error, 'bad-row'));
    const [rows] = await allRows(await driver.sql({ text: 'SELECT count(*) FROM notes', params: {} }, limits()));
    assert.deepEqual([rows, await countsOf(driver, NOTES)], [[0], undefined]);
    await driver.write({ batches: good });
    assert.equal((await countsOf(driver, NOTES))?.stored, BATCHES * 2);
    await driver.close();
  }));
