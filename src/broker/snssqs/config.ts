import { boolean, integer, oneOf, secret, string } from '../../lib/setting.ts';

const URL_WORDS = { pattern: /^https?:\/\/\S+$/, expected: 'an address that begins with http:// or https://' };
/** SQS allows 80 characters, and the dead-letter queue's name is five longer. */
const NAME_WORDS = {
  pattern: /^[A-Za-z0-9_-]{1,70}(\.fifo)?$/,
  expected: 'at most 70 letters, digits, _ and -, and perhaps .fifo',
};

/** Settings of `broker: { kind: snssqs }`. */
export const SNSSQS_SETTINGS = {
  region: string({
    description: 'AWS region; without it what the AWS configuration says (`AWS_REGION`, `~/.aws/config`).',
    default: null,
    example: 'sa-east-1',
  }),
  queue: string({
    description:
      'Name of the SQS queue; without it `azud_<system.name>`. Its dead-letter queue ends in `_dead`. A name that ends in `.fifo` makes both FIFO queues.',
    default: null,
    ...NAME_WORDS,
    example: 'azud_flights',
  }),
  topic: string({
    description:
      'Name of an SNS topic that feeds the queue, so that others can subscribe too; without it Azud sends to the queue itself. FIFO when the queue is.',
    default: null,
    ...NAME_WORDS,
    example: 'azud_flights',
  }),
  access_key_id: string({
    description:
      'Access key; without it the credentials that the AWS SDK finds: environment, profile, the role of the container or the machine.',
    default: null,
    example: 'AKIAIOSFODNN7EXAMPLE',
  }),
  secret_access_key: secret({ description: 'Secret of the access key.', default: null }),
  session_token: secret({ description: 'Session token, for temporary credentials.', default: null }),
  endpoint: string({
    description: 'Address of a VPC endpoint or an emulator; without it the public one of the region.',
    default: null,
    ...URL_WORDS,
    example: 'http://127.0.0.1:4566',
  }),
  topic_endpoint: string({
    description: 'Address for SNS, where it is not the one in `endpoint`.',
    default: null,
    ...URL_WORDS,
    example: 'https://vpce-0123.sns.sa-east-1.vpce.amazonaws.com',
  }),
  wait_seconds: integer({
    description: 'How long a receive waits at SQS for a first message, seconds.',
    default: 20,
    minimum: 1,
    maximum: 20,
  }),
  visibility_seconds: integer({
    description:
      'How long SQS hides a batch from other loaders, seconds; extended while it is held. A batch of a loader that died comes again after it.',
    default: 60,
    minimum: 2,
    maximum: 43_200,
  }),
  prefetch: integer({
    description: 'Batches that a loader holds before it has stored them: its unit of work is never larger.',
    default: 1_000,
    minimum: 1,
    maximum: 20_000,
  }),
  delivery_limit: integer({
    description:
      'A batch that was received this often is moved to the dead-letter queue instead of coming again for ever (`maxReceiveCount`).',
    default: 1_000,
    minimum: 1,
    maximum: 1_000,
  }),
  message_group: oneOf(['batch', 'dataset'], {
    description:
      'In a FIFO queue, what stays in order: `dataset` keeps the batches of a dataset in the order of publishing, and lets loaders have ten of them at a time at most; `batch` keeps no order.',
    default: 'batch',
  }),
  auto_declare: boolean({
    description:
      'Azud makes the queue, its dead-letter queue, the topic and the subscription; false leaves that to your infrastructure code.',
    default: true,
  }),
};
