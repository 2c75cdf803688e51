import assert from 'node:assert/strict';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { eventually } from '../../../test/support/eventually.ts';
import { FLIGHTS, limits } from '../conformance/fixtures.ts';
import { allRows } from '../reading.ts';
import { DUCKDB_DEFAULTS } from './config.ts';
import type { DuckdbStoreDriver } from './driver.ts';
import { classify } from './errors.ts';
import { inFolder, openStore, unitAt } from './fixtures.ts';
import { Reader } from './reader.ts';
import { openInstance, Session } from './session.ts';
import { Standing } from './standing.ts';
import { hasRoom } from './wal-room.ts';

interface Room {
  stands: boolean | Promise<boolean>;
  asked: number;
}

interface Subject {
  readonly standing: Standing;
  readonly write: () => Promise<void>;
  /** Lets transactions stand, or not. */
  readonly room: Room;
  /** What `SELECT count(*)` says there. */
  readonly seen: (connection: DuckDBConnection) => Promise<number>;
}

async function withStanding(
  body: (subject: Subject) => Promise<void>,
  room: Room = { stands: true, asked: 0 },
): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const writer = await instance.connect();
  await writer.run('CREATE TABLE "_head" ("turn" BIGINT)');
  const mayStand = async () => {
    room.asked += 1;
    return room.stands;
  };
  const standing = new Standing({ connect: () => instance.connect(), mayStand });
  const write = async () => void (await writer.run('INSERT INTO "_head" VALUES (1)'));
  const seen = async (connection: DuckDBConnection) =>
    Number((await connection.runAndReadAll('SELECT count(*) FROM "_head"')).getRows()[0]?.[0]);
  try {
    await body({ standing, write, room, seen });
  } finally {
    await standing.close();
    instance.closeSync();
  }
}

/** The first asks for it. */
const taken = (standing: Standing) =>
  eventually(async () => {
    const connection = standing.take();
    assert.ok(connection);
    return connection;
  });

const OK = { failed: false };

test('a transaction that stands sees what was there when it began, and another is begun after a write', async () => {
  await withStanding(async ({ standing, write, seen }) => {
    assert.equal(standing.take(), null);
    const first = await taken(standing);
    await write();
    assert.equal(await seen(first), 0, 'it had begun before');
    standing.renew();
    standing.give(first, OK);
    const second = await taken(standing);
    assert.equal(await seen(second), 1);
    standing.give(second, OK);
    assert.equal(standing.take(), second, 'nothing was written: it is at hand again');
    standing.give(second, OK);
  });
});

test('one that is being begun while something is written is begun again', async () => {
  await withStanding(async ({ standing, write, seen }) => {
    for (let n = 0; n < 50; n += 1) {
      // Two are asked for, and begin before the write, beside it or after it.
      const early = [standing.take(), standing.take()];
      await write();
      standing.renew();
      for (const connection of early) if (connection) standing.give(connection, OK);
      const connection = await taken(standing);
      assert.equal(await seen(connection), n + 1);
      standing.give(connection, OK);
    }
  });
});

test('after an error of the engine the next read finds a sound transaction', async () => {
  await withStanding(async ({ standing, seen }) => {
    const connection = await taken(standing);
    await assert.rejects(connection.run('SELECT CAST(range AS TINYINT) FROM range(1000)'));
    standing.give(connection, { failed: true });
    assert.equal(await seen(await taken(standing)), 0);
  });
});

test('nothing stands where a checkpoint is to come, nor while it is told to lie down', async () => {
  await withStanding(async ({ standing, write, room, seen }) => {
    const connection = await taken(standing);
    standing.give(connection, OK);
    await standing.down();
    assert.equal(standing.take(), null);
    await assert.rejects(connection.run('COMMIT'), /no transaction is active/);
    await write();
    standing.up();
    const again = await taken(standing);
    assert.equal(await seen(again), 1);
    room.stands = false;
    standing.renew();
    standing.give(again, OK);
    await standing.down();
    standing.up();
    assert.equal(standing.take(), null);
    await standing.down();
    await assert.rejects(again.run('COMMIT'), /no transaction is active/);
  });
});

test('none that was about to stand does so while it is told to lie down', async () => {
  const looking = Promise.withResolvers<boolean>();
  await withStanding(
    async ({ standing, write, room, seen }) => {
      assert.equal(standing.take(), null);
      await eventually(() => assert.equal(room.asked, 1));
      const down = standing.down();
      room.stands = true;
      looking.resolve(true);
      await down;
      assert.equal(standing.take(), null);
      await write();
      standing.up();
      assert.equal(await seen(await taken(standing)), 1);
    },
    { stands: looking.promise, asked: 0 },
  );
});

test('a connection that is lost is replaced', async () => {
  await withStanding(async ({ standing, seen }) => {
    const lost = await taken(standing);
    standing.lose(lost);
    const other = await taken(standing);
    assert.notEqual(other, lost);
    assert.equal(await seen(other), 0);
    standing.give(lost, OK);
    assert.equal(standing.owns(lost), false);
    lost.closeSync();
  });
});

test('a write-ahead log of more than 128 MiB leaves no room', async () => {
  await inFolder(async (folder) => {
    const wal = join(folder, 'azud.duckdb.wal');
    assert.equal(await hasRoom(wal), true, 'there is none');
    await writeFile(wal, '');
    await truncate(wal, 128 * 1024 * 1024);
    assert.equal(await hasRoom(wal), true);
    await truncate(wal, 128 * 1024 * 1024 + 1);
    assert.equal(await hasRoom(wal), false);
  });
});

/** Units that the store says it has, by a small read or by a stream. */
async function unitsSeen(driver: DuckdbStoreDriver, how: 'small' | 'stream'): Promise<number> {
  if (how === 'stream') {
    const text = 'SELECT max(delay) FROM flights';
    const [row] = await allRows(await driver.sql({ text, params: {} }, limits()));
    return Number(row?.[0] ?? 0);
  }
  const column = FLIGHTS.columns.find(({ name }) => name === 'delay');
  assert.ok(column);
  const order = [{ column: 'delay', descending: true }];
  const query = { table: 'flights', select: [column], where: [], order, after: null, limit: 1 };
  const [row] = await allRows(await driver.rows(query, limits({ rowsMax: 1 })));
  return Number(row?.[0] ?? 0);
}

test('whoever reads, in whatever way, never sees less than before, nor less than was written', async () => {
  await inFolder(async (folder) => {
    const { driver } = await openStore(folder);
    let written = 0;
    let reading = true;
    const reader = async (ways: readonly ('small' | 'stream')[]) => {
      let last = 0;
      for (let n = 0; reading; n += 1) {
        const floor = Math.max(last, written);
        last = await unitsSeen(driver, ways[n % ways.length] ?? 'small');
        assert.ok(last >= floor, `${last} after ${floor}`);
      }
    };
    const readers = Promise.all([reader(['small']), reader(['small', 'stream']), reader(['stream', 'small', 'small'])]);
    for (let offset = 1; offset <= 60; offset += 1) {
      await driver.write({ batches: [unitAt(offset)] });
      written = offset;
      if (offset % 20 === 0) await driver.sweep(Date.now());
    }
    reading = false;
    await readers;
    await driver.close();
  });
});

test('a plan meets no rows that came after it was made, in a transaction of a read’s own either', async () => {
  await inFolder(async (folder) => {
    const instance = await openInstance(join(folder, 'rows.duckdb'), DUCKDB_DEFAULTS);
    const writer = await Session.open(instance);
    const reader = new Reader(instance);
    await writer.run('CREATE TABLE numbers (n BIGINT, kind BIGINT)');
    let going = true;
    const read = {
      text: 'SELECT n FROM numbers WHERE kind = 9 ORDER BY n DESC LIMIT 1',
      bind: () => {},
      columns: null,
      small: true,
      classify: (error: unknown) => classify(error, 'the numbers cannot be read'),
    };
    const seen = new Set<number>();
    const readAll = async () => {
      while (going) {
        const [row] = await allRows(await reader.read(read, limits()));
        seen.add(Number(row?.[0] ?? 0));
      }
    };
    const write = async () => {
      // Each time from the beginning: up to 255 a number fits into a byte.
      for (let round = 0; round < 60; round += 1) {
        for (let n = 0; n < 500; n += 100) {
          await writer.run(`INSERT INTO numbers SELECT range, 9 FROM range(${n + 1}, ${n + 101})`);
        }
        await writer.run('CREATE OR REPLACE TABLE numbers (n BIGINT, kind BIGINT)');
      }
      going = false;
    };
    await Promise.all([write(), readAll(), readAll(), readAll()]);
    assert.deepEqual(
      [...seen].filter((last) => last % 100 !== 0),
      [],
    );
    await reader.close();
    writer.close();
    instance.closeSync();
  });
});

test('what was written is there for the next read', async () => {
  await inFolder(async (folder) => {
    const { driver } = await openStore(folder);
    for (let offset = 1; offset <= 30; offset += 1) {
      await driver.write({ batches: [unitAt(offset)] });
      // The reads after the first find a transaction that stands.
      for (let n = 0; n < 4; n += 1) assert.equal(await unitsSeen(driver, 'small'), offset);
    }
    await driver.close();
  });
});
