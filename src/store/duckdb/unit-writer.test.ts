import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { isAzudError } from '../../error/azud-error.ts';
import { at, batchOf, countsOf, datasetOf, limits, read } from '../conformance/fixtures.ts';
import { allRows } from '../reading.ts';
import { DuckdbStoreDriver } from './driver.ts';
import { inFolder } from './fixtures.ts';
import { type Parameter, Session } from './session.ts';
import { fitTables } from './tables.ts';
import { readHead, UnitWriter } from './unit-writer.ts';
import { Widths } from './widths.ts';

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

class WatchedSession extends Session {
  /** In order. */
  readonly planned: string[] = [];

  override runPlanned(sql: string, parameters: readonly Parameter[]): Promise<void> {
    this.planned.push(sql);
    return super.runPlanned(sql, parameters);
  }
}

test('numbers are parsed as doubles where most are there, and as texts where many are not', async () => {
  const sizes = datasetOf('sizes', { size: 'number', weight: 'number', text: 'string' });
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const session = new WatchedSession(await instance.connect());
  await fitTables(session, [sizes], false);
  const datasets = new Map([[sizes.name, sizes]]);
  const writer = new UnitWriter(session, { datasets, widths: await Widths.of(session), number: 0 });
  const write = async (event: (n: number) => object) => {
    const events = Array.from({ length: 100 }, (_, n) => event(n));
    await writer.write({ batches: [at(batchOf(sizes, events))] }, await readHead(session));
    return session.planned.splice(0).some((sql) => sql.includes('"size":"DOUBLE"'));
  };
  assert.equal(await write((n) => ({ size: n + 2, weight: n / 8 + 1.5, text: 'a' })), true);
  assert.equal(await write((n) => ({ size: n + 2, weight: n % 2 ? 4 : null })), false);
  assert.deepEqual(await session.run('SELECT count(size), sum(weight), count(*) FROM sizes'), [[200n, 968.75, 200n]]);
  session.close();
  instance.closeSync();
});
