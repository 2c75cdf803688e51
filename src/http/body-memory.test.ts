import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BodyMemory } from './body-memory.ts';

const KIB = 1024;

test('lends memory that is large enough, and the same again once it is given back', () => {
  const memory = new BodyMemory({ lentBytesMax: 1024 * KIB, keptBytesMax: 1024 * KIB });
  const first = memory.take(40 * KIB);
  const second = memory.take(40 * KIB);
  assert.ok(first && second && first !== second);
  assert.deepEqual([first.length, memory.take(1)?.length], [64 * KIB, 32 * KIB]);
  memory.giveBack(first);
  assert.equal(memory.take(33 * KIB), first);
  assert.notEqual(memory.take(64 * KIB), first);
});

test('lends no more than its bound, and keeps no more than its own', () => {
  const memory = new BodyMemory({ lentBytesMax: 128 * KIB, keptBytesMax: 64 * KIB });
  const [one, two] = [memory.take(64 * KIB), memory.take(64 * KIB)];
  assert.ok(one && two);
  assert.equal(memory.take(1), null);
  memory.giveBack(one);
  memory.giveBack(two);
  assert.equal(memory.take(64 * KIB), one);
  assert.notEqual(memory.take(64 * KIB), two);
});
