import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CachedResults, etagOf, MemoryCache } from './cache.ts';

const bytes = (size: number, fill = 'x') => Buffer.alloc(size, fill);
const frozen = { monotonic: () => 0 };

async function* pieces(...buffers: Buffer[]): AsyncGenerator<Buffer> {
  yield* buffers;
}

describe('the memory cache', () => {
  test('lets go of what was used longest ago, by entries and by bytes', async () => {
    const cache = new MemoryCache(frozen, { entriesMax: 3, bytesMax: 10 });
    for (const key of ['a', 'b', 'c']) await cache.set(key, bytes(3), 1_000);
    await cache.get('a');
    await cache.set('d', bytes(1), 1_000);
    assert.equal(await cache.get('b'), null);
    assert.ok(await cache.get('a'));
    await cache.set('e', bytes(9), 1_000);
    assert.equal(await cache.get('c'), null);
    assert.equal(await cache.get('d'), null);
    assert.ok(await cache.get('e'));
    await cache.set('f', bytes(11), 1_000);
    assert.equal(await cache.get('f'), null);
    assert.ok(await cache.get('e'));
  });

  test('forgets what has expired, was replaced, or is told to', async () => {
    const clock = { at: 0, monotonic: () => clock.at };
    const cache = new MemoryCache(clock);
    await cache.set('one:a', bytes(1), 10);
    await cache.set('one:a', bytes(2), 10);
    await cache.set('two:a', bytes(3), 20);
    assert.equal((await cache.get('one:a'))?.length, 2);
    clock.at = 10;
    assert.equal(await cache.get('one:a'), null);
    assert.ok(await cache.get('two:a'));
    await cache.invalidate('two:');
    assert.equal(await cache.get('two:a'), null);
  });
});

describe('cached results', () => {
  test('that are too large to keep are streamed whole, to each his own', async () => {
    const results = new CachedResults(new MemoryCache(frozen), 10);
    let made = 0;
    const make = async () => {
      made += 1;
      return pieces(bytes(6, 'a'), bytes(6, 'b'), bytes(6, 'c'));
    };
    const both = await Promise.all([1, 2].map(() => results.get({ key: 'k', ttlMs: 1_000, make })));
    for (const result of both) {
      assert.ok('chunks' in result);
      assert.equal(result.etag, null);
      assert.equal(Buffer.concat(await Array.fromAsync(result.chunks)).toString(), 'aaaaaabbbbbbcccccc');
    }
    assert.equal(made, 2);
  });

  test('carry a strong tag of their bytes', async () => {
    const results = new CachedResults(new MemoryCache(frozen));
    const result = await results.get({ key: 'k', ttlMs: 1_000, make: async () => pieces(bytes(2), bytes(1)) });
    assert.equal(result.etag, etagOf(bytes(3)));
    assert.match(result.etag ?? '', /^"[\w-]{43}"$/);
  });
});
