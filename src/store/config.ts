import { choice } from '../lib/setting.ts';
import { DUCKDB_SETTINGS, type DuckdbStoreConfig } from './duckdb/config.ts';
import type { MemoryStoreConfig } from './memory/config.ts';
import { POSTGRES_SETTINGS, type PostgresStoreConfig } from './postgres/config.ts';

export type { DuckdbStoreConfig, MemoryStoreConfig, PostgresStoreConfig };

/** `store:` of azud.yaml: one kind, with that kind's own settings beside it. */
export type StoreConfig = DuckdbStoreConfig | MemoryStoreConfig | PostgresStoreConfig;
export type StoreKind = StoreConfig['kind'];

/** Every kind of store with its settings: parser, reference page and editor schema come from here. */
export const STORE_SETTINGS = choice(
  { duckdb: DUCKDB_SETTINGS, postgres: POSTGRES_SETTINGS, memory: {} },
  { description: 'The analytics database.', default: 'duckdb' },
);
