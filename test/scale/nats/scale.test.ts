import { test } from 'node:test';
import { runScale } from '../run.ts';

test('50,000 events, a tenth of the messages given again, NATS and PostgreSQL killed in the middle: each stored once', async (t) => {
  await runScale({ broker: 'nats', events: 50_000, batch: 100, say: (text) => t.diagnostic(text) });
});
