import assert from 'node:assert/strict';
import { test } from 'node:test';
import { intakeP99s } from '../support/runaway.ts';

/** The promise is +20 % on a machine that does nothing else: `npm run bench -- runaway` gives that figure. */
const FACTOR_MAX = 4;
const FLOOR_MS = 60;

test('a query that would run for ever costs intake next to nothing', async (t) => {
  const { alone, together } = await intakeP99s({ rounds: 3, requests: 150 });
  t.diagnostic(`p99 ${alone.toFixed(1)} ms alone, ${together.toFixed(1)} ms beside the query`);
  assert.ok(together <= Math.max(FLOOR_MS, alone * FACTOR_MAX), `${alone} ms alone, ${together} ms together`);
});
