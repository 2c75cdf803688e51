import { after } from 'node:test';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { dropSchema, freshSchema, POSTGRES_URL } from '../../support/postgres.ts';
import { callCases } from '../suites/calls.ts';

const schema = freshSchema();

callCases({ ...ORDERS_CONFIG, store: { kind: 'postgres', url: POSTGRES_URL, schema } });
// Hooks run in the order they are given: the system has stopped before.
after(() => dropSchema(schema));
