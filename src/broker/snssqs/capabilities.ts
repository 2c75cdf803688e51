import type { BrokerCapabilities } from '../driver.ts';
import { payloadBytesMax } from './envelope.ts';

/** One message of SNS, and all of one request together, bytes as it counts them. */
export const SNS_BYTES_MAX = 256 * 1024;
/** The same of SQS, where the queue sets no lower bound. */
export const SQS_BYTES_MAX = 1024 * 1024;

/** Size and promise are the queue's and the topic's to say: exact once the driver is open. */
export const SNSSQS_CAPABILITIES: BrokerCapabilities = Object.freeze({
  kind: 'snssqs',
  order: false,
  positions: false,
  find: false,
  sharing: 'network',
  messageBytesMax: payloadBytesMax(SQS_BYTES_MAX),
  durability:
    'acknowledged means kept on several servers by Amazon SQS, or by Amazon SNS, which delivers to the SQS queue',
});
