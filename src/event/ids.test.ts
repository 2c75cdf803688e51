import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UUID_BYTES, uuidText, uuidTimeMs, uuidV7, uuidV7Pair } from './ids.ts';

/** More than one pool of random bytes. */
const MANY = 5_000;
const NOW = 1_760_000_000_000;

test('a pair is two UUIDv7 of the moment, and stays what it was however many are drawn after it', () => {
  const pairs = Array.from({ length: MANY }, () => uuidV7Pair(NOW));
  const textsOf = () => pairs.flatMap(({ bytes, at }) => [uuidText(bytes, at), uuidText(bytes, at + UUID_BYTES)]);
  const texts = textsOf();
  for (const text of texts) assert.equal(uuidTimeMs(text), NOW);
  for (let n = 0; n < MANY; n += 1) texts.push(uuidV7(NOW));
  assert.equal(new Set(texts).size, 3 * MANY);
  assert.deepEqual(textsOf(), texts.slice(0, 2 * MANY));
});
