import type { StoreCapabilities } from '../driver.ts';

export const POSTGRES_CAPABILITIES = Object.freeze({
  kind: 'postgres',
  sql: true,
  sharing: 'network',
  columnTypes: ['string', 'integer', 'number', 'decimal', 'boolean', 'timestamp', 'date', 'uuid', 'json'],
} satisfies StoreCapabilities);
