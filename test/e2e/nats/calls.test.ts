import { freshNats } from '../../support/nats.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { callCases } from '../suites/calls.ts';

callCases({ ...ORDERS_CONFIG, broker: freshNats() });
