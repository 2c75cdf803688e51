import { freshDatabase } from '../../support/postgres.ts';
import { freshRabbitmq, RABBITMQ_SERVER } from '../../support/rabbitmq.ts';
import { orderExampleCases } from '../suites/example.ts';

orderExampleCases('rabbitmq-postgres', {
  RABBITMQ_SERVERS: RABBITMQ_SERVER,
  RABBITMQ_QUEUE: String(freshRabbitmq().queue),
  DATABASE_URL: await freshDatabase(),
});
