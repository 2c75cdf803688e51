import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asSuperuser, dropSchema, freshSchema, POSTGRES_URL } from '../../../test/support/postgres.ts';
import { openDriver } from '../../../test/support/postgres-store.ts';
import { isAzudError } from '../../error/azud-error.ts';
import type { Dataset } from '../../event/dataset.ts';
import { at, batchOf, countsOf, datasetOf, read, T0 } from '../conformance/fixtures.ts';
import type { CitusConfig } from './config.ts';
import { PostgresStoreDriver } from './driver.ts';

const required = (dataset: Dataset): Dataset => ({
  ...dataset,
  columns: dataset.columns.map((column) => ({ ...column, required: column.name === 'id' || column.name === 'place' })),
});
const READINGS = required(datasetOf('readings', { place: 'string', level: 'number', details: 'json' }));
const PLACES = required(datasetOf('places', { id: 'string', name: 'string' }, { mode: 'upsert', key: 'id' }));
const DATASETS = [READINGS, PLACES];

function citus(distribute: Readonly<Record<string, string>>, ...reference: string[]): CitusConfig {
  return { distribute: new Map(Object.entries(distribute)), reference };
}

/**
 * Citus is no package of Debian's: these stand for its functions and its view, and keep what was asked of them. What the
 * workers do is not shown here; which tables are spread, how and when, is.
 */
const STUB = `CREATE TABLE citus_tables (table_name regclass, citus_table_type text, distribution_column text);
  CREATE FUNCTION create_distributed_table(regclass, text) RETURNS void LANGUAGE sql AS
    $$ INSERT INTO citus_tables VALUES ($1, 'distributed', $2) $$;
  CREATE FUNCTION create_reference_table(regclass) RETURNS void LANGUAGE sql AS
    $$ INSERT INTO citus_tables VALUES ($1, 'reference', NULL) $$;`;

async function withSchema(stub: string, body: (schema: string) => Promise<void>): Promise<void> {
  const schema = freshSchema();
  try {
    await asSuperuser(`CREATE SCHEMA ${schema}; SET search_path = ${schema}; ${stub}`);
    await body(schema);
  } finally {
    await dropSchema(schema);
  }
}

async function placed(schema: string): Promise<string[]> {
  const rows = await asSuperuser(
    `SELECT relname, citus_table_type AS type, distribution_column AS by FROM ${schema}.citus_tables
     JOIN pg_class ON pg_class.oid = table_name ORDER BY 1, 2, 3`,
  );
  return rows.map(({ relname, type, by }) => `${relname} ${type} ${by}`);
}

async function refused(open: Promise<unknown>, words: RegExp): Promise<void> {
  await assert.rejects(open, (error) => {
    assert.ok(isAzudError(error, 'invalid-config'), String(error));
    assert.match(`${error.message} ${error.hint}`, words);
    return true;
  });
}

test('tables are spread once, by the column and in the way that is asked for, and written and read as ever', async () => {
  await withSchema(STUB, async (schema) => {
    const options = { schema, datasets: DATASETS, citus: citus({ readings: 'place' }, 'places') };
    for (const round of [1, 2]) {
      const driver = await openDriver(options);
      assert.deepEqual(await placed(schema), ['places reference null', 'readings distributed place']);
      await driver.write({
        batches: [
          at(batchOf(READINGS, [{ place: 'weir', level: round }], { receivedAt: T0 })),
          at(batchOf(PLACES, [{ id: 'weir', name: `round ${round}` }], { receivedAt: T0 + round })),
        ],
      });
      assert.equal((await countsOf(driver, READINGS))?.stored, round);
      assert.deepEqual(
        (await read(driver, PLACES)).map(({ name }) => name),
        [`round ${round}`],
      );
      await driver.close();
    }
  });
});

test('a table that was there before is spread at the next start; upsert tables by their key, any by _event_id', async () => {
  await withSchema(STUB, async (schema) => {
    await (await openDriver({ schema, datasets: DATASETS })).close();
    assert.deepEqual(await placed(schema), []);
    const driver = await openDriver({
      schema,
      datasets: DATASETS,
      citus: citus({ readings: '_event_id', places: 'id' }),
    });
    assert.deepEqual(await placed(schema), ['places distributed id', 'readings distributed _event_id']);
    await driver.close();
  });
});

test('a table that is spread in another way is named, and left as it is', async () => {
  await withSchema(STUB, async (schema) => {
    const open = (asked: CitusConfig, datasets = DATASETS) => openDriver({ schema, datasets, citus: asked });
    await (await open(citus({ readings: 'place' }))).close();
    await refused(
      open(citus({ readings: '_event_id' })),
      /readings is distributed by place .*asks for distributed by _event_id.*undistribute_table/,
    );
    assert.deepEqual(await placed(schema), ['readings distributed place']);
    const upsert = required({ ...READINGS, mode: 'upsert', key: 'place' });
    const driver = new PostgresStoreDriver({ kind: 'postgres', url: POSTGRES_URL, schema });
    await refused(
      driver.open([upsert, PLACES], { allowDestructive: true, onStep: () => {} }),
      /readings lies on the workers.*undistribute_table/,
    );
  });
});

test('what Citus cannot do is refused before anything is asked of the server', async () => {
  const open = (asked: CitusConfig) => openDriver({ port: 1, datasets: DATASETS, citus: asked });
  await refused(open(citus({ reading: 'place' })), /reading is no dataset.*readings/);
  await refused(open(citus({ readings: 'plaice' })), /readings has no column plaice.*place/);
  await refused(open(citus({ readings: 'details' })), /JSON has no hash/);
  await refused(open(citus({ readings: 'level' })), /level, which may be absent or null.*_event_id/);
  await refused(open(citus({ places: '_event_id' })), /unique by its key id.*not by _event_id/);
  await refused(open(citus({}, 'readings')), /readings cannot be a reference table.*mode: upsert/);
  await refused(open(citus({ places: 'id' }, 'places')), /can be one of them/);
});

test('a database without Citus is told so', async () => {
  await withSchema('', async (schema) => {
    await refused(
      openDriver({ schema, datasets: DATASETS, citus: citus({ readings: 'place' }) }),
      /no Citus.*CREATE EXTENSION citus/,
    );
  });
});
