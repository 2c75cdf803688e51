import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cacheOver, counted, memoryResults } from '../../test/support/cache.ts';
import { eventually } from '../../test/support/eventually.ts';
import { hastyClock } from '../../test/support/log.ts';
import { AzudError } from '../error/azud-error.ts';
import { systemClock } from '../lib/clock.ts';
import { CACHE_LIMITS } from '../limits.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { resultsCases } from './conformance/results.ts';
import { MemoryDriver } from './memory/driver.ts';
import { type Result, Results } from './results.ts';

async function* pieces(...buffers: Buffer[]): AsyncGenerator<Buffer> {
  yield* buffers;
}

const text = async (result: Result) =>
  String('bytes' in result ? result.bytes : Buffer.concat(await Array.fromAsync(result.chunks)));

resultsCases('memory', async () => {
  const driver = new MemoryDriver({ clock: systemClock });
  return { first: await cacheOver(driver), second: await cacheOver(driver) };
});

describe('results', () => {
  test('are forgotten when their time is over', async () => {
    const clock = { at: 0, monotonic: () => clock.at };
    const results = await memoryResults(clock);
    let made = 0;
    const ask = async () => {
      const make = async () => {
        made += 1;
        return pieces(Buffer.from(String(made)));
      };
      return text(await results.get({ key: 'k', datasets: ['orders'], ttlMs: 10, make }));
    };
    assert.deepEqual([await ask(), await ask()], ['1', '1']);
    clock.at = 10;
    assert.equal(await ask(), '2');
  });

  test('that are too large to keep are streamed whole, to each his own', async () => {
    const driver = new MemoryDriver({ clock: systemClock });
    const half = Buffer.alloc(CACHE_LIMITS.entryBytesMax / 2 + 1, 'x');
    const results = new Results({ cache: await cacheOver(driver), metrics: new Metrics(), clock: systemClock });
    let made = 0;
    const make = async () => {
      made += 1;
      return pieces(half, half, Buffer.from('end'));
    };
    const lookup = { key: 'k', datasets: [], ttlMs: 1_000, make };
    for (const result of await Promise.all([results.get(lookup), results.get(lookup)])) {
      assert.ok('chunks' in result);
      const whole = Buffer.concat(await Array.fromAsync(result.chunks));
      assert.equal(whole.length, half.length * 2 + 3);
      assert.equal(whole.subarray(-3).toString(), 'end');
    }
    assert.equal(made, 2);
  });

  test('are counted as hits, misses and shared', async () => {
    const metrics = new Metrics();
    const cache = await cacheOver(new MemoryDriver({ clock: systemClock }));
    const results = new Results({ cache, metrics, clock: systemClock });
    const lookup = { key: 'k', datasets: [], ttlMs: 60_000, make: async () => pieces(Buffer.from('1')) };
    await Promise.all([results.get(lookup), results.get(lookup), results.get(lookup)]);
    await results.get(lookup);
    const count = (result: string) => counted(metrics, 'azud_cache_lookups_total', { kind: 'memory', result });
    assert.deepEqual([await count('miss'), await count('shared'), await count('hit')], [1, 2, 1]);
  });

  test('a change that the cache could not be told of is told when it is back', async () => {
    class Moody extends MemoryDriver {
      override readonly capabilities = { kind: 'moody', sharing: 'network', entryBytesMax: 1_000 } as const;
      away = false;
      override async set(entries: Parameters<MemoryDriver['set']>[0]): Promise<void> {
        if (this.away) throw new AzudError('not-connected', 'away');
        return super.set(entries);
      }
    }
    const driver = new Moody({ clock: systemClock });
    const clock = { ...hastyClock, monotonic: () => systemClock.monotonic() * 1_000 };
    const cache = await cacheOver(driver, { clock, timeoutMs: 1e6 });
    const results = new Results({ cache, metrics: new Metrics(), clock });
    let made = 0;
    const ask = async () => {
      const make = async () => {
        made += 1;
        return pieces(Buffer.from(String(made)));
      };
      return text(await results.get({ key: 'k', datasets: ['orders'], ttlMs: 1e9, make }));
    };
    assert.equal(await ask(), '1');
    driver.away = true;
    await results.changed(['orders']);
    driver.away = false;
    await eventually(async () => assert.equal(await ask(), '2'));
    results.close();
  });
});
