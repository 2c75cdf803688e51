import { choice } from '../lib/setting.ts';
import { DUCKDB_SETTINGS, type DuckdbStoreConfig } from './duckdb/config.ts';
import type { MemoryStoreConfig } from './memory/config.ts';

export type { DuckdbStoreConfig, MemoryStoreConfig };

/** `store:` of azud.yaml: one kind, with that kind's own settings beside it. */
export type StoreConfig = DuckdbStoreConfig | MemoryStoreConfig;

/** Every kind of store with its settings: parser, reference page and editor schema come from here. */
export const STORE_SETTINGS = choice(
  { duckdb: DUCKDB_SETTINGS, memory: {} },
  { description: 'The analytics database.', default: 'duckdb' },
);
