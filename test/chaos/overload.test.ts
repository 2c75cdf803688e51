import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runOverload } from './overload.ts';

test('ten times what intake can take: 503 with Retry-After, memory bounded, everything acknowledged kept, normal within 5 s', async (t) => {
  const { offered, taken, capacity } = await runOverload({ seconds: 3, say: (line) => t.diagnostic(line) });
  assert.ok(offered > 3 * taken, `${offered} offered and ${taken} taken, at a capacity of ${capacity} a second`);
});
