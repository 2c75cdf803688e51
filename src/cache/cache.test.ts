import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cacheOver, counted } from '../../test/support/cache.ts';
import { AzudError } from '../error/azud-error.ts';
import type { Clock } from '../lib/clock.ts';
import { CACHE_LIMITS } from '../limits.ts';
import type { Log } from '../telemetry/log.ts';
import { silentLog } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { MemoryDriver } from './memory/driver.ts';

const A = { key: 'a', bytes: Buffer.from('1'), ttlMs: 60_000 };
const GONE = new AzudError('not-connected', 'the server is away');

/** A shared cache that can be made to fail or hang. */
class Shared extends MemoryDriver {
  override readonly capabilities = { kind: 'shared', sharing: 'network', entryBytesMax: 1_000 } as const;
  mood: Error | 'well' | 'hung' = 'well';
  asked = 0;
  resets = 0;

  override async open(): Promise<void> {
    if (this.mood instanceof Error) throw this.mood;
  }

  override async get(keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
    this.asked += 1;
    if (this.mood instanceof Error) throw this.mood;
    if (this.mood === 'hung') return new Promise(() => {});
    return super.get(keys);
  }

  reset(): void {
    this.resets += 1;
  }
}

/** Sleeps that last a call's time end at once and move the time; those of others never end. */
class Time implements Clock {
  at = 0;
  now = () => this.at;
  monotonic = () => this.at;
  readonly #hung: () => boolean;

  constructor(hung: () => boolean) {
    this.#hung = hung;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.#hung()) return new Promise((resolve) => signal?.addEventListener('abort', () => resolve()));
    this.at += ms;
  }
}

async function opened(mood: Shared['mood'] = 'well') {
  const driver = new Shared({ clock: { monotonic: () => 0 } });
  driver.mood = mood;
  const clock = new Time(() => driver.mood === 'hung');
  const metrics = new Metrics();
  const lines: string[] = [];
  const log: Log = { ...silentLog, warn: (line) => lines.push(line), info: (line) => lines.push(line) };
  const cache = await cacheOver(driver, { clock, metrics, log, timeoutMs: 150 });
  const errors = (operation: string) => counted(metrics, 'azud_cache_errors_total', { kind: 'shared', operation });
  return { driver, clock, cache, lines, errors };
}

describe('a cache', () => {
  test('that fails answers nothing, and is then left alone for a while', async () => {
    const { driver, clock, cache, lines, errors } = await opened();
    await cache.set([A]);
    driver.mood = GONE;
    for (let n = 0; n < 100; n += 1) assert.equal(await cache.get(['a']), null);
    assert.equal(driver.asked, 1);
    assert.equal(cache.fault, GONE);
    clock.at = CACHE_LIMITS.restFirstMs;
    await Promise.all(Array.from({ length: 100 }, () => cache.get(['a'])));
    assert.equal(driver.asked, 2, 'one call looks whether it is back');
    driver.mood = 'well';
    clock.at += CACHE_LIMITS.restMaxMs;
    assert.equal(String(await cache.get(['a'])), '1');
    assert.equal(cache.fault, null);
    assert.equal(await errors('get'), 2);
    assert.deepEqual(lines, ['the cache fails; answers are made without it', 'the cache answers again']);
  });

  test('that hangs costs one call its time, and the connection is made anew', async () => {
    const { driver, clock, cache, errors } = await opened('hung');
    const answers = await Promise.all(Array.from({ length: 20 }, () => cache.get(['a'])));
    assert.deepEqual(new Set(answers), new Set([null]));
    const asked = driver.asked;
    assert.equal(await cache.get(['a']), null);
    assert.equal(driver.asked, asked, 'nobody waits during the rest');
    assert.ok(driver.resets > 0);
    assert.match(cache.fault?.message ?? '', /did not answer within 150 ms/);
    assert.ok((await errors('get')) > 0);
    clock.at += CACHE_LIMITS.restMaxMs;
    driver.mood = 'well';
    assert.deepEqual(await cache.get(['a']), [null]);
  });

  test('that is away at the start is said once, and used when it is there', async () => {
    const { driver, clock, cache, lines } = await opened(GONE);
    assert.deepEqual(lines, ['the cache fails; answers are made without it']);
    assert.equal(await cache.set([A]), false);
    driver.mood = 'well';
    clock.at += CACHE_LIMITS.restMaxMs;
    assert.equal(await cache.set([A]), true);
  });

  test('that refuses one thing is still asked for others', async () => {
    const { driver, clock, cache, lines, errors } = await opened();
    await cache.set([A]);
    driver.mood = new AzudError('unavailable', 'OOM');
    for (let n = 0; n < 10; n += 1) assert.equal(await cache.get(['a']), null);
    assert.equal(driver.asked, 10);
    assert.equal(await errors('get'), 10);
    assert.equal(lines.length, 1, 'the log is told once a minute');
    clock.at += CACHE_LIMITS.warnIntervalMs;
    await cache.get(['a']);
    assert.equal(lines.length, 2);
  });

  test('that is closed answers nothing and complains of nothing', async () => {
    const { cache, lines } = await opened();
    await cache.close();
    assert.equal(await cache.get(['a']), null);
    assert.deepEqual(lines, []);
  });
});
