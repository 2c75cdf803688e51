import { ORDERS_CONFIG } from '../../support/orders.ts';
import { freshPostgres } from '../../support/postgres.ts';
import { exactlyOnceCases } from '../suites/exactly-once.ts';

exactlyOnceCases({ ...ORDERS_CONFIG, store: freshPostgres() });
