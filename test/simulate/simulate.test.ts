import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/lib/clock.ts';
import { OwnedChance } from './chance.ts';
import { failEveryCall } from './every-call.ts';
import { flipBits } from './flips.ts';
import { planOf } from './plan.ts';
import { run } from './run.ts';
import { report, runSeeds } from './seeds.ts';
import { restrict } from './shrink.ts';

const owned = new OwnedChance();

test('no power cut, kill or failing disk breaks a promise: the same seeds as ever, and new ones', async (t) => {
  const fresh = systemClock.now() % 1e9;
  for (const first of [1, fresh]) {
    const { failures, sums } = await runSeeds({ first, count: 70, owned });
    assert.deepEqual(failures, []);
    assert.ok(sums.cuts > 20 && sums.kills > 5 && sums.failures > 5, `seeds from ${first} do too little`);
  }
  t.diagnostic(`new seeds from ${fresh}`);
});

test('a segment that a killed process had just named is safe before the next start goes on behind it', async () => {
  const { failures } = await runSeeds({ first: 569, count: 1, owned });
  assert.deepEqual(failures, []);
});

test('every call to the disk may fail, in every way', async () => {
  const { failures, rows } = await failEveryCall({ owned, callsMax: 1 });
  assert.deepEqual(failures, []);
  assert.ok(rows.length > 60);
});

test('a seed goes the same way again, whatever ran before it', async () => {
  for (const seed of [3, 5, 8]) {
    const first = await run(planOf(seed), owned);
    await run(planOf(seed + 100), owned);
    assert.deepEqual(await run(planOf(seed), owned), first);
    assert.notEqual((await run(planOf(seed + 1), owned)).trace, first.trace);
  }
});

test('a failure is told with its smallest plan and the command that runs it again', async () => {
  const plan = planOf(160);
  const outcome = await run(plan, owned);
  const text = await report(plan, { ...outcome, faults: ['as the test says'] }, owned);
  assert.match(text, /^seed 160: as the test says\n/);
  assert.match(text, /at call \d+ of start \d+.*: \w+ \w+\/\S+/);
  assert.match(text, /npm run simulate -- --seed 160$/);
  assert.deepEqual(restrict(plan, { troubles: '1,0x3', requests: '2' }).troubles, [
    plan.troubles[1],
    { ...plan.troubles[0], calls: 3 },
  ]);
});

test('a flipped bit of a sealed segment is found', async () => {
  const { bits, missed, said } = await flipBits({ segmentBytes: 16 * 1024, bitsMax: 3_000 });
  assert.deepEqual(missed, []);
  assert.ok(bits === 3_000 && said.size >= 4);
});
