import { Cache } from '../../src/cache/cache.ts';
import type { CacheDriver } from '../../src/cache/driver.ts';
import { MemoryDriver } from '../../src/cache/memory/driver.ts';
import { Results } from '../../src/cache/results.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { type Log, silentLog } from '../../src/telemetry/log.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';

export interface CacheParts {
  readonly metrics?: Metrics;
  readonly clock?: Clock;
  readonly log?: Log;
  readonly timeoutMs?: number;
}

/** An open cache over a driver. */
export async function cacheOver(driver: CacheDriver, parts: CacheParts = {}): Promise<Cache> {
  const { metrics = new Metrics(), clock = systemClock, log = silentLog, timeoutMs = 1_000 } = parts;
  const cache = new Cache({ driver, metrics, clock, log, timeoutMs });
  await cache.open();
  return cache;
}

/** Results kept in this process, by a clock that stands still unless one is given. */
export async function memoryResults(clock: Pick<Clock, 'monotonic'> = { monotonic: () => 0 }): Promise<Results> {
  return new Results({
    cache: await cacheOver(new MemoryDriver({ clock })),
    metrics: new Metrics(),
    clock: systemClock,
  });
}

/** The one value of a counter whose labels are these. */
export async function counted(
  metrics: Metrics,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<number> {
  type Shown = {
    readonly name: string;
    readonly values: readonly { readonly labels: object; readonly value: number }[];
  };
  const shown = ((await metrics.snapshot()) as Shown[]).find((each) => each.name === name);
  const wanted = JSON.stringify(Object.entries(labels).sort());
  return shown?.values.find((each) => JSON.stringify(Object.entries(each.labels).sort()) === wanted)?.value ?? 0;
}
