import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runChaos } from './run.ts';
import { chaosTable, isClean } from './table.ts';

/** The short form of `npm run chaos`: killed in a checkpoint, killed altogether, and a damaged database. */
const NAMES = ['kill -9 in a checkpoint', 'kill -9 all three', 'database bit flip'];

test('killed at random moments under mixed load, every acknowledged event is stored once and nothing else is', async (t) => {
  const seed = Date.now() % 1e9;
  t.diagnostic(`seed ${seed}`);
  const reports = await runChaos({ world: 'log+duckdb', cycles: NAMES.length, seed, faults: NAMES, senders: 4 });
  assert.deepEqual(
    reports.filter((report) => !isClean(report)),
    [],
    `seed ${seed}`,
  );
  assert.deepEqual(reports.map(({ fault }) => fault).toSorted(), NAMES.toSorted());
  for (const { acknowledged } of reports) assert.ok(acknowledged > 0, chaosTable(reports));
});
