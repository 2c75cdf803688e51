import { test } from 'node:test';
import { runLoad } from './run.ts';

test('100,000 events and 300 connections at once: every acknowledged event is stored, the sums balance', async (t) => {
  await runLoad({ events: 100_000, connections: 300, eventsEach: 5, say: (text) => t.diagnostic(text) });
});
