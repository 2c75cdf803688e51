import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultMemoryLimit } from './config.ts';

test('the engine takes half of a small memory, and 2 GB of a large one', () => {
  assert.equal(defaultMemoryLimit(1e9), '500MB');
  assert.equal(defaultMemoryLimit(4e9), '2000MB');
  assert.equal(defaultMemoryLimit(64e9), '2000MB');
});
