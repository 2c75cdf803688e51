import type { StoreCapabilities } from '../driver.ts';

export const DUCKDB_CAPABILITIES = Object.freeze({
  kind: 'duckdb',
  sql: true,
  sharing: 'process',
  columnTypes: ['string', 'integer', 'number', 'decimal', 'boolean', 'timestamp', 'date', 'uuid', 'json'],
} satisfies StoreCapabilities);
