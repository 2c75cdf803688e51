import { after } from 'node:test';
import { Fauxqs } from '../../support/fauxqs.ts';
import { freshDatabase } from '../../support/postgres.ts';
import { orderExampleCases } from '../suites/example.ts';

const server = await Fauxqs.start();
after(() => server.stop());

orderExampleCases('snssqs-postgres', { SNSSQS_ENDPOINT: server.endpoint, DATABASE_URL: await freshDatabase() });
