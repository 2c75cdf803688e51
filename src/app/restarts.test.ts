import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXIT_IO, RestartPolicy } from './restarts.ts';

test('the first death is answered at once, the next ones later and later', () => {
  const policy = new RestartPolicy();
  const delays = [0, 1, 2, 3].map((second) => policy.died(1, second * 1_000));
  assert.deepEqual(delays, [
    { restartAfterMs: 0 },
    { restartAfterMs: 250 },
    { restartAfterMs: 500 },
    { restartAfterMs: 1_000 },
  ]);
});

test('more than five deaths in a minute slow the restarts to one in ten seconds, and never end them', () => {
  const policy = new RestartPolicy();
  for (let second = 0; second < 5; second += 1) policy.died(null, second * 1_000);
  assert.deepEqual(policy.died(null, 5_000), { restartAfterMs: 10_000 });
  assert.deepEqual(policy.died(null, 15_000), { restartAfterMs: 10_000 });
});

test('a child that lived for a minute is restarted at once again', () => {
  const policy = new RestartPolicy();
  policy.died(1, 0);
  policy.died(1, 1_000);
  assert.deepEqual(policy.died(1, 70_000), { restartAfterMs: 0 });
});

test('the third I/O failure within ten minutes is the last', () => {
  const policy = new RestartPolicy();
  assert.deepEqual(policy.died(EXIT_IO, 0), { restartAfterMs: 0 });
  assert.deepEqual(policy.died(EXIT_IO, 120_000), { restartAfterMs: 0 });
  assert.deepEqual(policy.died(EXIT_IO, 300_000), { giveUp: '3 I/O failures within 10 minutes' });
});

test('I/O failures far apart do not add up', () => {
  const policy = new RestartPolicy();
  for (const minute of [0, 11, 22, 33]) {
    assert.deepEqual(policy.died(EXIT_IO, minute * 60_000), { restartAfterMs: 0 });
  }
});
