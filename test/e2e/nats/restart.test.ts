import { NatsServer } from '../../support/nats.ts';
import { restartCases } from '../suites/restart.ts';

restartCases({
  what: 'the NATS server',
  start: () => NatsServer.start(),
  broker: ({ port }) => ({ kind: 'nats', servers: `127.0.0.1:${port}`, replicas: 1, allow_unsafe: true }),
  promise: /NATS/,
});
