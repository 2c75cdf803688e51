import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runOutages } from './outage.ts';

test('analytics stopped, killed and rebuilding under load: intake answers 2xx in flat memory, and the backlog goes', async (t) => {
  const outages = await runOutages({ seconds: 1.5, warmUp: 2_000, say: (line) => t.diagnostic(line) });
  assert.deepEqual(
    outages.map(({ way }) => way),
    ['stopped', 'killed', 'rebuilding'],
  );
});
