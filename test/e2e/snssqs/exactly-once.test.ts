import { freshSnssqs } from '../../support/fauxqs.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { exactlyOnceCases } from '../suites/exactly-once.ts';

exactlyOnceCases({ ...ORDERS_CONFIG, broker: await freshSnssqs({ topic: 'azud_orders' }) });
