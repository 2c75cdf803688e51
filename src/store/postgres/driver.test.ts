import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from 'pg';
import { ownSchemas, POSTGRES_URL } from '../../../test/support/postgres.ts';
import { openDriver, withStore } from '../../../test/support/postgres-store.ts';
import { batchOf, FLIGHTS } from '../conformance/fixtures.ts';
import { storeConformance } from '../conformance/suite.ts';
import type { StoreDriver } from '../driver.ts';
import { PostgresStoreDriver } from './driver.ts';

const SAFE = { allowDestructive: false, onStep: () => {} };
const ownSchema = ownSchemas();
const schemas = new WeakMap<StoreDriver, string>();

function create(schema: string): PostgresStoreDriver {
  const driver = new PostgresStoreDriver({ kind: 'postgres', url: POSTGRES_URL, schema });
  schemas.set(driver, schema);
  return driver;
}

storeConformance('postgres', {
  async open(datasets) {
    const driver = create(ownSchema());
    await driver.open(datasets, SAFE);
    return driver;
  },
  async reopen(driver, datasets, options) {
    await driver.close();
    const next = create(schemas.get(driver) ?? '');
    await next.open(datasets, { ...SAFE, ...options });
    return next;
  },
  close: (driver) => driver.close(),
  waivers: [{ type: 'string', json: '"a\\u0000b"', reason: 'PostgreSQL has no U+0000 in text' }],
});

test('a schema of an Azud whose progress had no terms is given the column', async () => {
  await withStore({}, async (driver, schema) => {
    const client = new Client({ connectionString: POSTGRES_URL });
    await client.connect();
    try {
      await client.query(`ALTER TABLE "${schema}"."_progress" DROP COLUMN term`);
      await client.query(`INSERT INTO "${schema}"."_progress" VALUES ('log', 7)`);
      const again = await openDriver({ schema });
      assert.deepEqual(await again.progress(), [{ stream: 'log', offset: 7 }]);
      const entry = { batch: batchOf(FLIGHTS, [{ delay: 1 }]), dead: new Map() };
      await again.write({ batches: [{ ...entry, position: { stream: 'log', offset: 8, term: 'next' } }] });
      assert.deepEqual(await driver.progress(), [{ stream: 'log', offset: 8, term: 'next' }]);
      await again.close();
    } finally {
      await client.end();
    }
  });
});
