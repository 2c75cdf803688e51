import { ORDERS_CONFIG } from '../../support/orders.ts';
import { freshPubsub } from '../../support/pubsub.ts';
import { exactlyOnceCases } from '../suites/exactly-once.ts';

exactlyOnceCases({ ...ORDERS_CONFIG, broker: await freshPubsub() });
