import type { Dataset } from '../../src/event/dataset.ts';
import { FLIGHTS } from '../../src/store/conformance/fixtures.ts';
import type { PostgresStoreConfig } from '../../src/store/postgres/config.ts';
import { PostgresStoreDriver } from '../../src/store/postgres/driver.ts';
import { dropSchema, freshSchema, POSTGRES_URL } from './postgres.ts';

export interface StoreOptions extends Partial<PostgresStoreConfig> {
  readonly datasets?: readonly Dataset[];
}

/** A driver that is open, on a schema it may share with others. */
export async function openDriver({ datasets = [FLIGHTS], ...config }: StoreOptions): Promise<PostgresStoreDriver> {
  const driver = new PostgresStoreDriver({ url: POSTGRES_URL, ...config, kind: 'postgres' });
  await driver.open(datasets, { allowDestructive: false, onStep: () => {} });
  return driver;
}

/** A schema that lasts as long as the body, and a store in it. */
export async function withStore(
  options: StoreOptions,
  body: (driver: PostgresStoreDriver, schema: string) => Promise<void>,
): Promise<void> {
  const schema = freshSchema();
  const url = options.url ?? POSTGRES_URL;
  try {
    const driver = await openDriver({ ...options, schema });
    await body(driver, schema).finally(() => driver.close());
  } finally {
    await dropSchema(schema, url);
  }
}
