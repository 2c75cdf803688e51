import type { BrokerCapabilities } from '../driver.ts';
import { PAYLOAD_BYTES_MAX } from './record.ts';

/** The same for the owner and its clients. */
export const LOG_CAPABILITIES: BrokerCapabilities = Object.freeze({
  kind: 'log',
  order: true,
  positions: true,
  find: true,
  sharing: 'host',
  messageBytesMax: PAYLOAD_BYTES_MAX,
  durability: 'acknowledged means fsynced on this disk',
});
