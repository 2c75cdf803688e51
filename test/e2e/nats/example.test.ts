import { freshNats, NATS_SERVER } from '../../support/nats.ts';
import { freshDatabase } from '../../support/postgres.ts';
import { orderExampleCases } from '../suites/example.ts';

orderExampleCases('nats-postgres', {
  NATS_SERVERS: NATS_SERVER,
  NATS_STREAM: String(freshNats().stream),
  // nats-server before 2.10 cannot say whether it syncs.
  NATS_ALLOW_UNSAFE: 'true',
  DATABASE_URL: await freshDatabase(),
});
