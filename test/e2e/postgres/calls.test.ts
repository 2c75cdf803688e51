import { ORDERS_CONFIG } from '../../support/orders.ts';
import { freshPostgres } from '../../support/postgres.ts';
import { callCases } from '../suites/calls.ts';

callCases({ ...ORDERS_CONFIG, store: freshPostgres() });
