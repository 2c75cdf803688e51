import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTo, createServer, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Client } from 'pg';
import { eventually } from '../../../test/support/eventually.ts';
import { asSuperuser, Cluster, ownSchemas, POSTGRES_URL } from '../../../test/support/postgres.ts';
import { openDriver, withStore } from '../../../test/support/postgres-store.ts';
import { isAzudError } from '../../error/azud-error.ts';
import { at, batchOf, countsOf, datasetOf, FLIGHTS, limits, read } from '../conformance/fixtures.ts';
import type { StoreDriver, UnitBatch } from '../driver.ts';
import { allRows } from '../reading.ts';

/** The same unit again until it is written, as the loader does; answers how often that took a second try. */
async function writeUntilDone(driver: StoreDriver, batches: readonly UnitBatch[]): Promise<number> {
  for (let tries = 0; ; tries += 1) {
    try {
      await driver.write({ batches });
      return tries;
    } catch (error) {
      assert.ok(isAzudError(error), String(error));
      assert.ok(error.entry.retryable, `${error.code}: ${error.message}`);
      await eventually(() => driver.progress(), { timeoutMs: 30_000 });
    }
  }
}

/** Every unit has two events and two batches, one of them without a position. */
const ownSchema = ownSchemas();

const unitAt = (n: number): UnitBatch[] => [
  at(batchOf(FLIGHTS, [{ flight_id: `p${n}` }])),
  { ...at(batchOf(FLIGHTS, [{ flight_id: `i${n}` }], { ids: [`i${n}`] })), position: null },
];

async function assertExact(driver: StoreDriver, units: number): Promise<void> {
  const rows = await read(driver, FLIGHTS);
  assert.equal(new Set(rows.map((row) => row.flight_id)).size, 2 * units);
  assert.equal(rows.length, 2 * units);
  assert.equal((await read(driver, '_transactions')).length, 2 * units);
  assert.deepEqual(await countsOf(driver, FLIGHTS), { accepted: 2 * units, stored: 2 * units, duplicate: 0, dead: 0 });
}

describe('a server that restarts', () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.start();
  });
  after(() => cluster.remove());

  for (const mode of ['immediate', 'fast'] as const) {
    test(`pg_ctl stop -m ${mode} in the middle, five times: every event once`, async () => {
      await withStore({ url: cluster.url }, async (driver) => {
        let stopped = false;
        let units = 0;
        let retries = 0;
        const writing = (async () => {
          for (; !stopped; units += 1) retries += await writeUntilDone(driver, unitAt(units));
        })();
        for (let round = 0; round < 5; round += 1) {
          const reached = units + 3;
          await eventually(() => assert.ok(units > reached));
          await cluster.down(mode);
          await assert.rejects(driver.progress(), { code: 'not-connected' });
          await cluster.up();
        }
        const reached = units + 1;
        await eventually(() => assert.ok(units > reached));
        stopped = true;
        await writing;
        assert.ok(retries >= 5, `${retries} retries`);
        await assertExact(driver, units);
      });
    });
  }

  test('a read that the restart cuts fails as not connected, and the next one runs', async () => {
    await withStore({ url: cluster.url }, async (driver) => {
      await driver.write({ batches: unitAt(1) });
      const slow = driver.sql({ text: 'SELECT pg_sleep(60)', params: {} }, limits());
      const busy = `SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'FETCH%'`;
      await eventually(async () => assert.equal((await asSuperuser(busy, cluster.url)).length, 1));
      const failed = assert.rejects(slow, { code: 'not-connected' });
      await cluster.down('immediate');
      await failed;
      await cluster.up();
      assert.equal((await read(driver, FLIGHTS)).length, 2);
    });
  });

  test('fsync = off is refused unless that is allowed', async () => {
    const set = (value: string) => asSuperuser(`ALTER SYSTEM SET fsync = ${value}`, cluster.url);
    await set('off');
    await asSuperuser('SELECT pg_reload_conf()', cluster.url);
    await eventually(async () => assert.deepEqual(await asSuperuser('SHOW fsync', cluster.url), [{ fsync: 'off' }]));
    await assert.rejects(openDriver({ url: cluster.url, schema: ownSchema() }), {
      code: 'unsafe-setting',
      message: /fsync = off/,
    });
    await withStore({ url: cluster.url, allow_unsafe: true }, async (driver) => {
      await driver.write({ batches: unitAt(1) });
    });
  });
});

test('connections killed while units are written: every event once', async () => {
  await withStore({}, async (driver, schema) => {
    let stopped = false;
    const kill = `SELECT count(pg_terminate_backend(pid))::int AS n FROM pg_stat_activity a
      WHERE application_name = 'azud write' AND EXISTS (SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
        JOIN pg_namespace s ON s.oid = c.relnamespace WHERE l.pid = a.pid AND s.nspname = '${schema}')`;
    let killed = 0;
    const killing = (async () => {
      while (!stopped) killed += Number((await asSuperuser(kill))[0]?.n ?? 0);
    })();
    let units = 0;
    for (; units < 40 || killed < 5; units += 1) await writeUntilDone(driver, unitAt(units));
    stopped = true;
    await killing;
    await assertExact(driver, units);
  });
});

/** Stands between the store and the server; `loseNextCommit` lets a COMMIT through and cuts before its answer. */
async function proxy() {
  const { hostname, port } = new URL(POSTGRES_URL);
  const open = new Set<Socket>();
  let armed = false;
  let lost = 0;
  const server = createServer((near) => {
    const far = connectTo(Number(port || 5432), hostname);
    let cutting = false;
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (bytes) => {
      if (armed && bytes.includes('COMMIT')) {
        armed = false;
        cutting = true;
      }
      far.write(bytes);
    });
    far.on('data', (bytes) => {
      if (!cutting) near.write(bytes);
      else {
        lost += 1;
        near.destroy();
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as { port: number };
  return {
    port: address.port,
    loseNextCommit: () => {
      armed = true;
    },
    get lost() {
      return lost;
    },
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

test('a commit whose answer is lost is found to be done: the unit is not written again', async () => {
  const between = await proxy();
  const schema = ownSchema();
  const driver = await openDriver({ host: '127.0.0.1', port: between.port, schema });
  try {
    for (let n = 0; n < 5; n += 1) {
      await driver.write({ batches: unitAt(n) });
      between.loseNextCommit();
      const unit = unitAt(100 + n);
      await assert.rejects(driver.write({ batches: unit }), { code: 'not-connected' });
      assert.deepEqual(await driver.write({ batches: unit }), [null, null]);
    }
    assert.equal(between.lost, 5);
    await assertExact(driver, 10);
  } finally {
    await driver.close();
    await between.close();
  }
});

test('the victim of a deadlock is told to try again, and succeeds', async () => {
  await withStore({}, async (driver, schema) => {
    await driver.write({ batches: unitAt(0) });
    const other = new Client({ connectionString: POSTGRES_URL });
    await other.connect();
    await other.query(`SET search_path = ${schema}; SET deadlock_timeout = '1h'; BEGIN`);
    await other.query('UPDATE _ledger SET stored = stored');
    const writing = driver.write({ batches: unitAt(1) });
    const victim = assert.rejects(writing, { code: 'unavailable', message: /deadlock/ });
    await eventually(async () => {
      const waiting = await other.query(`SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'`);
      assert.ok((waiting.rowCount ?? 0) > 0);
    });
    await other.query('UPDATE _progress SET position = position');
    await victim;
    await other.query('ROLLBACK');
    await other.end();
    await driver.write({ batches: unitAt(2) });
    await assertExact(driver, 2);
  });
});

const REFUSALS = [
  {
    config: { port: 1 },
    code: 'not-connected',
    says: /^postgres postgres@127\.0\.0\.1:1\/postgres: .*ECONNREFUSED.*store\.port/,
  },
  { config: { host: 'nowhere.invalid' }, code: 'not-connected', says: /nowhere\.invalid/ },
  { config: { user: 'azud_nobody' }, code: 'access-denied', says: /azud_nobody@.*does not exist.*store\.user/ },
  {
    config: { database: 'azud_none' },
    code: 'access-denied',
    says: /database "azud_none" does not exist.*store\.database/,
  },
  { config: { url: 'mysql://x' }, code: 'invalid-config', says: /store\.url/ },
] as const;

for (const { config, code, says } of REFUSALS) {
  test(`opening with ${JSON.stringify(config)} fails as ${code}, in one line`, async () => {
    await assert.rejects(openDriver({ schema: ownSchema(), ...config }), (error) => {
      assert.ok(isAzudError(error, code), String(error));
      assert.match(error.message, says);
      assert.equal(error.message.includes('\n'), false);
      return true;
    });
  });
}

test('a user without the right to make the schema, or to write in it, is told so', async () => {
  const user = `azud_weak_${process.pid}`;
  const schema = ownSchema();
  await asSuperuser(`CREATE ROLE ${user} LOGIN`);
  try {
    await assert.rejects(openDriver({ user, schema }), {
      code: 'access-denied',
      message: /permission denied for database/,
    });
    await asSuperuser(`CREATE SCHEMA "${schema}"; GRANT USAGE ON SCHEMA "${schema}" TO ${user}`);
    await assert.rejects(openDriver({ user, schema }), {
      code: 'access-denied',
      message: /permission denied for schema/,
    });
    await (await openDriver({ schema })).close();
    await asSuperuser(
      `GRANT CREATE ON SCHEMA "${schema}" TO ${user}; GRANT ALL ON ALL TABLES IN SCHEMA "${schema}" TO ${user}`,
    );
    await assert.rejects(openDriver({ user, schema }), {
      code: 'access-denied',
      message: /must be owner of table _\w+\. .*ALTER TABLE … OWNER TO/,
    });
  } finally {
    await asSuperuser(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
  }
});

test('names that PostgreSQL has no room for are refused, each by its path', async () => {
  const long = 'x'.repeat(64);
  const bad = datasetOf('bad', { xmin: 'integer', [long]: 'string', k: 'json' }, { mode: 'upsert', key: 'k' });
  await assert.rejects(openDriver({ schema: ownSchema(), datasets: [bad] }), (error) => {
    assert.ok(isAzudError(error, 'invalid-config'));
    const paths = error.errors.map(({ path }) => path.split('/').at(-1));
    assert.deepEqual(paths, ['xmin', long, 'k']);
    return true;
  });
});

test('a closed store says so', async () => {
  await withStore({}, async (driver) => {
    await driver.close();
    await assert.rejects(driver.progress(), { code: 'unavailable' });
    await assert.rejects(async () => allRows(await driver.sql({ text: 'SELECT 1', params: {} }, limits())), {
      code: 'unavailable',
    });
  });
});
