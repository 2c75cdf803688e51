import { ORDERS_CONFIG } from '../../support/orders.ts';
import { freshRabbitmq } from '../../support/rabbitmq.ts';
import { exactlyOnceCases } from '../suites/exactly-once.ts';

exactlyOnceCases({ ...ORDERS_CONFIG, broker: freshRabbitmq() });
