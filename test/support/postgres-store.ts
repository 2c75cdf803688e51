import assert from 'node:assert/strict';
import { isAzudError } from '../../src/error/azud-error.ts';
import type { Dataset } from '../../src/event/dataset.ts';
import { FLIGHTS } from '../../src/store/conformance/fixtures.ts';
import type { DeadReason, StoreDriver } from '../../src/store/driver.ts';
import { isolate } from '../../src/store/isolation.ts';
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

/** The lines (from 0) that the store refuses, as the loader finds them. */
export function refusedLines(driver: StoreDriver, dataset: Dataset, lines: Buffer): Promise<Map<number, DeadReason>> {
  return isolate(lines, async (some) => {
    const error = await driver.probe(dataset, some).then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error === null) return null;
    assert.ok(isAzudError(error, 'bad-row'), String(error));
    return { stage: 'store', code: 'bad_row', message: error.message, path: error.path ?? '' };
  });
}
