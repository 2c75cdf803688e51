import { ORDERS_CONFIG } from '../../support/orders.ts';
import { freshPubsub } from '../../support/pubsub.ts';
import { callCases } from '../suites/calls.ts';

callCases({ ...ORDERS_CONFIG, broker: await freshPubsub() });
