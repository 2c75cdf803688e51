import { AzudError } from '../error/azud-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { Cache } from './cache.ts';
import type { CacheConfig } from './config.ts';
import type { CacheDriver } from './driver.ts';

export interface CacheContext {
  /** Name of the system: what it keeps on a shared server begins with it. */
  readonly system: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** In process: how many entries are kept; by default as many as results. */
  readonly entriesMax?: number;
}

/** The cache of a configuration, not yet open. @throws AzudError `missing-package`, `invalid-config` */
export async function createCache(config: CacheConfig, context: CacheContext): Promise<Cache> {
  const driver = await createDriver(config, context);
  const { metrics, log, clock } = context;
  const timeoutMs = config.kind === 'redis' ? config.timeout : 0;
  return new Cache({ driver, metrics, log, clock, timeoutMs });
}

/** Adapters are loaded when they are chosen: their packages may not be installed. */
async function createDriver(config: CacheConfig, context: CacheContext): Promise<CacheDriver> {
  switch (config.kind) {
    case 'memory': {
      const { MemoryDriver } = await import('./memory/driver.ts');
      return new MemoryDriver(context);
    }
    case 'redis': {
      const { RedisDriver } = await sdk('redis', () => import('./redis/driver.ts'));
      return new RedisDriver(config, context);
    }
  }
}

async function sdk<T>(packages: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new AzudError('missing-package', `this cache needs: npm install ${packages}`, { cause });
  }
}
