import type { BrokerCapabilities } from '../driver.ts';

/** Room for subject and headers beside the payload, bytes: three UUIDs, names and numbers come to about 300. */
export const ENVELOPE_BYTES = 1_024;

/** Until the server has told its own bounds: what nats-server starts with. */
const PAYLOAD_BYTES_DEFAULT = 1024 * 1024;

/** Size and promise are the server's to say: exact once the driver is open. */
export const NATS_CAPABILITIES: BrokerCapabilities = Object.freeze({
  kind: 'nats',
  order: true,
  positions: true,
  find: true,
  sharing: 'network',
  messageBytesMax: PAYLOAD_BYTES_DEFAULT - ENVELOPE_BYTES,
  durability: 'acknowledged means written by the NATS servers that keep the stream',
});
