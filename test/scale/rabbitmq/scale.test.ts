import { test } from 'node:test';
import { runScale } from '../run.ts';

test('50,000 events, a tenth of the messages given again, RabbitMQ and PostgreSQL killed in the middle: each once', async (t) => {
  await runScale({ broker: 'rabbitmq', events: 50_000, batch: 100, say: (text) => t.diagnostic(text) });
});
