import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { at, batchOf, datasetOf, limits, T0 } from '../conformance/fixtures.ts';
import type { WriteUnit } from '../driver.ts';
import { allRows } from '../reading.ts';
import { DUCKDB_DEFAULTS } from './config.ts';
import { DuckdbStoreDriver } from './driver.ts';
import { FREE, inFolder } from './fixtures.ts';
import { openInstance, Session } from './session.ts';
import { fitTables } from './tables.ts';
import { Tandem } from './tandem.ts';
import { type Head, readHead, UnitWriter } from './unit-writer.ts';
import { Widths } from './widths.ts';

const ORDERS = datasetOf('orders', { place: 'integer', amount: 'number' });
const ROWS = 130_000;

/** The n-th full unit of a backlog: places from `n * ROWS` on. */
function unitAt(n: number, more: Parameters<typeof batchOf>[2] = {}): WriteUnit {
  const lines = Array.from({ length: ROWS }, (_, row) => `{"place":${n * ROWS + row},"amount":${row}.25}\n`);
  const batch = batchOf(ORDERS, [], { count: ROWS, lines: Buffer.from(lines.join('')), ...more });
  return { batches: [{ ...at(batch), position: { stream: 'log', offset: n + 1 } }] };
}

/** Counts the units that were begun before their turn, and those of them that were used. */
class WatchedWriter extends UnitWriter {
  begun = 0;
  used = 0;

  override begin(unit: WriteUnit): Promise<void> {
    this.begun += 1;
    return super.begin(unit);
  }

  override async end(unit: WriteUnit, head: Head) {
    const written = await super.end(unit, head);
    if (written) this.used += 1;
    return written;
  }
}

const SAFE = { allowDestructive: false, onStep: () => {} };

async function openDriver(dataDir: string): Promise<DuckdbStoreDriver> {
  const config = { kind: 'duckdb', threads: 1, memory_limit: '2GB' } as const;
  const driver = new DuckdbStoreDriver(config, { dataDir, onFatal: () => {}, freeCores: FREE });
  await driver.open([ORDERS], SAFE);
  return driver;
}

/** Rows, distinct places, columns' types, offset and stored count. */
async function stateOf(driver: DuckdbStoreDriver): Promise<readonly unknown[]> {
  const text = 'SELECT count(*), count(DISTINCT place), max(typeof(place)) FROM orders';
  const [row = []] = await allRows(await driver.sql({ text, params: {} }, limits()));
  const { progress, counts } = await driver.ledger();
  return [...row, progress[0]?.offset, counts.get(ORDERS.name)?.stored];
}

interface Bench {
  readonly tandem: Tandem;
  readonly session: Session;
  /** Writes the unit; `next` is prepared meanwhile. */
  readonly write: (unit: WriteUnit, next?: WriteUnit) => Promise<void>;
  /** Rows, distinct places, transactions; turn and stored count of the head. */
  readonly state: () => Promise<readonly number[]>;
  /** Units begun before their turn, and used. */
  readonly ahead: () => readonly number[];
}

async function withTandem(body: (bench: Bench) => Promise<void>, areFree = () => true): Promise<void> {
  await inFolder(async (folder) => {
    const file = join(folder, 'a.duckdb');
    const instance = await openInstance(file, { ...DUCKDB_DEFAULTS, threads: 1, memory_limit: '1GB' });
    const sessions = [await Session.open(instance), await Session.open(instance)] as const;
    const [session, second] = sessions;
    const reader = await Session.open(instance);
    await fitTables(session, [ORDERS], false);
    const datasets = new Map([[ORDERS.name, ORDERS]]);
    const widths = await Widths.of(session);
    const writers = [
      new WatchedWriter(session, { datasets, widths, number: 0 }),
      new WatchedWriter(second, { datasets, widths, number: 1 }),
    ] as const;
    const tandem = new Tandem(writers, { datasets, wal: `${file}.wal`, freeCores: { ...FREE, areFree } });
    let head = await readHead(session);
    await body({
      tandem,
      session,
      write: async (unit, next) => {
        const writing = tandem.write(unit, head);
        if (next) tandem.prepare(next);
        ({ head } = await writing);
      },
      state: async () => {
        const sql = `SELECT count(*), count(DISTINCT place), (SELECT count(*) FROM "_transactions") FROM orders`;
        const [row = []] = await reader.run(sql);
        const { turn, counts } = await readHead(reader);
        assert.deepEqual({ turn, counts }, { turn: head.turn, counts: head.counts });
        return [...row.map(Number), turn, counts.get(ORDERS.name)?.stored ?? 0];
      },
      ahead: () => [writers[0].begun + writers[1].begun, writers[0].used + writers[1].used],
    });
    await tandem.close();
    reader.close();
    instance.closeSync();
  });
}

const after = (units: number) => [units * ROWS, units * ROWS, units, units, units * ROWS];

test('the rows of the next unit are inserted while one is committed, and each is stored once', () =>
  withTandem(async ({ write, state, ahead, session }) => {
    const units = [0, 1, 2, 3].map((n) => unitAt(n));
    for (const [n, unit] of units.entries()) await write(unit, units[n + 1]);
    assert.deepEqual([await state(), ahead()], [after(4), [3, 3]]);
    // The same again: covered by the progress.
    await write(units[3] as WriteUnit);
    assert.deepEqual(await state(), after(4));
    await session.checkpoint({ merge: false });
  }));

test('while a unit waits for its turn, the one after it is begun as soon as a writer is free', () =>
  withTandem(async ({ tandem, write, state, ahead, session }) => {
    const [first, second, third, fourth, fifth] = [0, 1, 2, 3, 4].map((n) => unitAt(n));
    assert.ok(first && second && third && fourth && fifth);
    const writing = write(first, second);
    tandem.prepare(third);
    tandem.prepare(fifth);
    await writing;
    assert.deepEqual(await state(), after(1));
    await write(second, fourth);
    await write(third);
    assert.deepEqual([await state(), ahead()], [after(3), [3, 2]]);
    await write(fourth, fifth);
    await tandem.drop();
    await session.checkpoint({ merge: false });
    await write(fifth);
    assert.deepEqual([await state(), ahead()], [after(5), [4, 3]]);
  }));

test('nothing is begun but beside a write: whatever else is done counts on it', () =>
  withTandem(async ({ tandem, write, state, ahead, session }) => {
    const [first, second, third] = [0, 1, 2].map((n) => unitAt(n));
    assert.ok(first && second && third);
    await tandem.drop();
    tandem.prepare(first);
    tandem.prepare(second);
    assert.deepEqual([await state(), ahead()], [after(0), [0, 0]]);
    await session.checkpoint({ merge: false });
    await write(first);
    await write(second, third);
    assert.deepEqual([await state(), ahead()], [after(2), [2, 1]]);
    await write(third);
    assert.deepEqual([await state(), ahead()], [after(3), [2, 2]]);
  }));

test('of units that come in another order than they were prepared each is stored once', () =>
  withTandem(async ({ tandem, write, state }) => {
    const [first, second, third, fourth] = [0, 1, 2, 3].map((n) => unitAt(n));
    assert.ok(first && second && third && fourth);
    const writing = write(first, second);
    tandem.prepare(fourth);
    await writing;
    await write(third, fourth);
    assert.deepEqual(await state(), [2 * ROWS, 2 * ROWS, 2, 2, 2 * ROWS]);
    await write(fourth);
    assert.deepEqual(await state(), [3 * ROWS, 3 * ROWS, 3, 3, 3 * ROWS]);
  }));

test('what was prepared is no part of the database until it is written, and can be given up', () =>
  withTandem(async ({ tandem, write, state, ahead, session }) => {
    const next = unitAt(1);
    await write(unitAt(0), next);
    assert.deepEqual(await state(), after(1));
    await tandem.drop();
    await session.checkpoint({ merge: false });
    assert.deepEqual([await state(), ahead()], [after(1), [1, 0]]);
    await write(next);
    assert.deepEqual([await state(), ahead()], [after(2), [1, 0]]);
  }));

test('another unit than the one that was prepared is written alone', () =>
  withTandem(async ({ write, state, ahead }) => {
    const [first, second, third] = [unitAt(0), unitAt(1), unitAt(2)];
    await write(first, second);
    await write({ batches: [...second.batches] }, third);
    await write(third);
    assert.deepEqual([await state(), ahead()], [after(3), [2, 1]]);
  }));

test('a prepared unit of which a part is there already is written without that part', () =>
  withTandem(async ({ write, state, ahead }) => {
    const [first, second] = [unitAt(0), unitAt(1)];
    const both = { batches: [...first.batches, ...second.batches] };
    await write(first, both);
    await write(both);
    assert.deepEqual([await state(), ahead()], [after(2), [1, 0]]);
  }));

test('a prepared unit with a bad row fails in its turn, and leaves nothing', () =>
  withTandem(async ({ write, state, ahead }) => {
    const bad = unitAt(1, { count: ROWS, lines: Buffer.from(`{"place":"nowhere"}\n`.repeat(ROWS)) });
    const next = unitAt(2);
    await write(unitAt(0), bad);
    await assert.rejects(write(bad, next), /Conversion Error/);
    assert.deepEqual(await state(), after(1));
    await write(next);
    assert.deepEqual([await state(), ahead()], [after(2), [2, 1]]);
  }));

test('units are prepared neither where their rows depend on the one before nor without a free core', async () => {
  const ids = Array.from({ length: ROWS }, (_, row) => `id ${row}`);
  await withTandem(async ({ write, state, ahead, tandem }) => {
    const withIds = unitAt(1, { ids });
    await write(unitAt(0), withIds);
    await write(withIds);
    tandem.prepare(unitAt(2));
    await write(unitAt(2), { batches: [at(batchOf(ORDERS, [{ place: -1 }]))] });
    assert.deepEqual([await state(), ahead()], [after(3), [0, 0]]);
  });
  const busy = async ({ write, state, ahead }: Bench) => {
    const next = unitAt(1);
    await write(unitAt(0), next);
    await write(next);
    assert.deepEqual([await state(), ahead()], [after(2), [0, 0]]);
  };
  await withTandem(busy, () => false);
});

test('a core that comes free while the unit before is written is used', async () => {
  let asked = 0;
  const later = () => {
    asked += 1;
    return asked > 1;
  };
  const body = async ({ write, state, ahead }: Bench) => {
    const next = unitAt(1);
    await write(unitAt(0), next);
    await write(next);
    assert.deepEqual([await state(), ahead()], [after(2), [1, 1]]);
  };
  await withTandem(body, later);
});

test('whatever else a store does between two units, the prepared one is written once', () =>
  inFolder(async (dataDir) => {
    const driver = await openDriver(dataDir);
    const between = [
      () => driver.snapshot(),
      () => driver.sweep(T0),
      () => driver.ledger(),
      () => driver.join([{ stream: 'log', offset: 4 }], new Map()),
    ];
    const units = Array.from({ length: 6 }, (_, n) => unitAt(n));
    for (const [n, unit] of units.entries()) {
      const writing = driver.write(unit);
      // Its turn has begun.
      await driver.probe(ORDERS, Buffer.from('{}\n'));
      const next = units[n + 1];
      if (next) driver.prepare(next);
      await Promise.all([writing, between[n]?.()]);
    }
    const expected = [6 * ROWS, 6 * ROWS, 'BIGINT', 6, 6 * ROWS];
    assert.deepEqual(await stateOf(driver), expected);
    await driver.close();
    const again = await openDriver(dataDir);
    assert.deepEqual(await stateOf(again), expected);
    await again.close();
  }));

test('a column is widened for a unit while the one after it is prepared', () =>
  inFolder(async (dataDir) => {
    const driver = await openDriver(dataDir);
    const wide = unitAt(1, { count: 1, lines: Buffer.from(`{"place":${2n ** 63n}}\n`) });
    const units = [unitAt(0), wide, unitAt(2), unitAt(3)];
    for (const [n, unit] of units.entries()) {
      const writing = driver.write(unit);
      await driver.probe(ORDERS, Buffer.from('{}\n'));
      const next = units[n + 1];
      if (next) driver.prepare(next);
      await writing;
    }
    assert.deepEqual(await stateOf(driver), [3 * ROWS + 1, 3 * ROWS + 1, 'HUGEINT', 4, 3 * ROWS + 1]);
    await driver.close();
  }));
