import { ownSchemas, POSTGRES_URL } from '../../../test/support/postgres.ts';
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
