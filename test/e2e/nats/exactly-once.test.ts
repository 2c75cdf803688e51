import { freshNats } from '../../support/nats.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { exactlyOnceCases } from '../suites/exactly-once.ts';

exactlyOnceCases({ ...ORDERS_CONFIG, broker: freshNats() });
