import type { StoreCapabilities } from '../driver.ts';

export const MEMORY_CAPABILITIES = Object.freeze({
  kind: 'memory',
  sql: false,
  sharing: 'process',
  columnTypes: ['string', 'integer', 'number', 'decimal', 'boolean', 'timestamp', 'date', 'uuid', 'json'],
} satisfies StoreCapabilities);
