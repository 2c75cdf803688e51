import { choice, type ValueOf } from '../lib/setting.ts';
import { LOG_SETTINGS } from './log/config.ts';
import { MEMORY_SETTINGS } from './memory/config.ts';
import { NATS_SETTINGS } from './nats/config.ts';
import { PUBSUB_SETTINGS } from './pubsub/config.ts';
import { RABBITMQ_SETTINGS } from './rabbitmq/config.ts';
import { SNSSQS_SETTINGS } from './snssqs/config.ts';

/** Every kind of broker with its settings. A new broker adds one line here and one in registry.ts. */
export const BROKER_SETTINGS = choice(
  {
    log: LOG_SETTINGS,
    memory: MEMORY_SETTINGS,
    nats: NATS_SETTINGS,
    pubsub: PUBSUB_SETTINGS,
    rabbitmq: RABBITMQ_SETTINGS,
    snssqs: SNSSQS_SETTINGS,
  },
  { description: 'The publish/subscribe log between intake and loader.', default: 'log' },
);

export type BrokerConfig = ValueOf<typeof BROKER_SETTINGS>;
export type BrokerKind = BrokerConfig['kind'];
