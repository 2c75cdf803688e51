import type { BrokerCapabilities } from '../driver.ts';
import { ENVELOPE_BYTES } from './envelope.ts';

/** Pub/Sub's bound of a publish request, bytes; the client hangs on a larger one. */
export const REQUEST_BYTES_MAX = 10_000_000;

/** An emulator promises less. */
export const PUBSUB_CAPABILITIES: BrokerCapabilities = Object.freeze({
  kind: 'pubsub',
  order: false,
  positions: false,
  find: false,
  sharing: 'network',
  messageBytesMax: REQUEST_BYTES_MAX - ENVELOPE_BYTES,
  durability: 'acknowledged means stored by Google Cloud Pub/Sub in two zones or more',
});
