import { boolean, bytes, duration, integer, path, string } from '../../lib/setting.ts';

/** What Pub/Sub takes as the name of a topic or a subscription. */
const NAME = /^(?!goog)[A-Za-z][A-Za-z0-9_.~+%-]{2,254}$/;
const NAME_WORDS = 'a letter, then 2 to 254 letters, digits and - _ . ~ + %; not beginning with goog';

/** Settings of `broker: { kind: pubsub }`. */
export const PUBSUB_SETTINGS = {
  project: string({
    description: 'Google Cloud project; without it that of the credentials, and with an emulator `azud`.',
    default: null,
    example: 'my-project',
  }),
  topic: string({
    description: 'Name of the topic; without it `azud_<system.name>`.',
    default: null,
    pattern: NAME,
    expected: NAME_WORDS,
    example: 'azud_flights',
  }),
  subscription: string({
    description: 'Name of the subscription that all loaders share; without it the name of the topic.',
    default: null,
    pattern: NAME,
    expected: NAME_WORDS,
    example: 'azud_flights',
  }),
  credentials: path({
    description:
      "File with the key of a service account; without it Google's default chain: GOOGLE_APPLICATION_CREDENTIALS, gcloud, the machine's own account.",
    default: null,
    example: './secrets/pubsub.json',
  }),
  emulator: string({
    description: 'Address of a Pub/Sub emulator, used instead of Google Cloud and without credentials.',
    default: null,
    variable: 'PUBSUB_EMULATOR_HOST',
    example: '127.0.0.1:8085',
  }),
  ordering: boolean({
    description:
      'Batches of one dataset are delivered in their order: its name is the ordering key. Google bounds a key to 1 MB/s.',
    default: false,
  }),
  exactly_once: boolean({
    description:
      'The subscription confirms each ack and gives nothing again meanwhile. The store writes each batch once without it, too.',
    default: false,
  }),
  ack_deadline: duration({
    description: 'A batch of a loader that died is given again after this long; a loader that lives extends it.',
    default: '60s',
    range: ['10s', '10m'],
  }),
  prefetch: integer({
    description: 'Batches that a loader holds before it has stored them: its unit of work is never larger.',
    default: 1_000,
    minimum: 1,
    maximum: 100_000,
  }),
  prefetch_bytes: bytes({ description: 'Payload bytes that a loader holds, beside `prefetch`.', default: '64MiB' }),
  retention: duration({
    description: 'How long the subscription keeps a batch that nobody acks; after it the batch is lost.',
    default: '7d',
    range: ['10m', '31d'],
  }),
  dead_letter_topic: string({
    description:
      'Topic to which a batch goes that came back `max_delivery_attempts` times; a subscription of that name keeps it. Without it: it comes again for ever.',
    default: null,
    pattern: NAME,
    expected: NAME_WORDS,
    example: 'azud_flights_dead',
  }),
  max_delivery_attempts: integer({
    description: 'How often a batch may come back before it goes to `dead_letter_topic`.',
    default: 100,
    minimum: 5,
    maximum: 100,
  }),
  auto_declare: boolean({
    description:
      'Azud makes the topic, the subscription and the dead-letter topic when they are missing; false leaves that to your infrastructure code.',
    default: true,
  }),
};
