import type { BrokerCapabilities } from '../driver.ts';

/** RabbitMQ takes more; a queue of large messages is slow and a prefetch of them fills the memory. An event has 256 KiB. */
const MESSAGE_BYTES_MAX = 512 * 1024;

/** With `auto_declare: false` the promise is that of whoever made the queue. */
export const RABBITMQ_CAPABILITIES: BrokerCapabilities = Object.freeze({
  kind: 'rabbitmq',
  order: false,
  positions: false,
  find: false,
  sharing: 'network',
  messageBytesMax: MESSAGE_BYTES_MAX,
  durability: 'acknowledged means fsynced by a majority of the RabbitMQ nodes that hold the quorum queue',
});
