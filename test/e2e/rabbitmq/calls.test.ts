import { ORDERS_CONFIG } from '../../support/orders.ts';
import { freshRabbitmq } from '../../support/rabbitmq.ts';
import { callCases } from '../suites/calls.ts';

callCases({ ...ORDERS_CONFIG, broker: freshRabbitmq() });
