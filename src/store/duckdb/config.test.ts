import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultMemoryLimit, engineMemory } from './config.ts';

test('analytics takes three quarters of a small memory, and 2 GB of a large one', () => {
  assert.equal(defaultMemoryLimit(1e9), '750MB');
  assert.equal(defaultMemoryLimit(4e9), '2000MB');
  assert.equal(defaultMemoryLimit(64e9), '2000MB');
});

test('the engine has what the loader leaves, and two fifths at least', () => {
  assert.equal(engineMemory('2000MB'), '800MB');
  assert.equal(engineMemory('8GiB'), '7389MB');
  assert.equal(engineMemory('1GB'), '400MB');
  assert.equal(engineMemory('256MB'), '102MB');
});
