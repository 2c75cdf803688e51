import { ORDERS_CONFIG } from '../support/orders.ts';
import { exactlyOnceCases } from './suites/exactly-once.ts';

exactlyOnceCases(ORDERS_CONFIG);
