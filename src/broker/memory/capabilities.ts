import { LOG_LIMITS } from '../../limits.ts';
import type { BrokerCapabilities } from '../driver.ts';

export const MEMORY_CAPABILITIES: BrokerCapabilities = Object.freeze({
  kind: 'memory',
  order: true,
  positions: true,
  find: true,
  sharing: 'process',
  messageBytesMax: LOG_LIMITS.recordBytesMax,
  durability: 'acknowledged means kept in the memory of this process: for tests only',
});
