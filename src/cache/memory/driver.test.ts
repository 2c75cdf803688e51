import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import { cacheConformance } from '../conformance/conformance.ts';
import { MemoryDriver } from './driver.ts';

cacheConformance({
  name: 'memory',
  open: async () => new MemoryDriver({ clock: systemClock }),
  close: (driver) => driver.close(),
});

describe('the memory cache', () => {
  const entry = (key: string, size: number) => ({ key, bytes: Buffer.alloc(size), ttlMs: 1_000 });

  test('lets go of what was used longest ago, by entries and by bytes', async () => {
    const cache = new MemoryDriver({ clock: { monotonic: () => 0 }, entriesMax: 3, bytesMax: 10 });
    const kept = async () => {
      const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
      const values = await cache.get(keys);
      return keys.filter((_, index) => values[index] !== null).join('');
    };
    await cache.set([entry('a', 3), entry('b', 3), entry('c', 3)]);
    await cache.get(['a']);
    await cache.set([entry('d', 1)]);
    assert.equal(await kept(), 'acd');
    await cache.set([entry('e', 9)]);
    assert.equal(await kept(), 'de');
    await cache.set([entry('f', 11)]);
    assert.equal(await kept(), 'de', 'what can never fit pushes nothing out');
    await cache.set([entry('d', 11)]);
    assert.equal(await kept(), 'e', 'and what it would replace is gone');
  });
});
