import { freshSnssqs } from '../../support/fauxqs.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { callCases } from '../suites/calls.ts';

callCases({ ...ORDERS_CONFIG, broker: await freshSnssqs({ topic: 'azud_orders' }) });
