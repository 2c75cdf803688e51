import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { runFuzz } from './run.ts';
import { LAW_NAMES, runUnits } from './units.ts';

/** The short forms of `npm run fuzz`; a failure prints the seed that finds it again. */
const seed = randomInt(1e9);
const RUNS = 1_000;

test('3,000 odd requests: no undocumented 5xx, every refusal a problem, every event accounted for', async (t) => {
  t.diagnostic(`seed ${seed}`);
  const { byStatus, findings } = await runFuzz({ requests: 3_000, seed, say: (line) => t.diagnostic(line) });
  assert.deepEqual(findings, [], `npm run fuzz -- --requests 3000 --seed ${seed}`);
  for (const status of [200, 202, 400, 404, 405, 415, 422]) {
    assert.ok(byStatus.has(status), `none was answered ${status}: ${JSON.stringify([...byStatus])}`);
  }
});

for (const name of LAW_NAMES) {
  test(`law: ${name}`, async () => {
    const [report] = await runUnits({ runs: RUNS, seed, only: name, say: () => {} });
    assert.equal(report?.failure, null, report?.failure ?? '');
    assert.ok((report?.runs ?? 0) > 0);
  });
}
