import { AzudError } from '../error/azud-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { StoreConfig, StoreKind } from './config.ts';
import type { StoreCapabilities, StoreDriver } from './driver.ts';
import { DUCKDB_CAPABILITIES } from './duckdb/capabilities.ts';
import { MEMORY_CAPABILITIES } from './memory/capabilities.ts';
import { POSTGRES_CAPABILITIES } from './postgres/capabilities.ts';

/** What each kind can do, known before its driver is loaded. */
export const STORE_CAPABILITIES: Readonly<Record<StoreKind, StoreCapabilities>> = {
  duckdb: DUCKDB_CAPABILITIES,
  memory: MEMORY_CAPABILITIES,
  postgres: POSTGRES_CAPABILITIES,
};

export interface StoreContext {
  /** Absolute path of the data directory. */
  readonly dataDir: string;
  readonly log: Log;
  /** Where a driver counts its connections. */
  readonly metrics?: Metrics;
  /** The system's, unless a test owns time. */
  readonly clock?: Clock;
  /** The store is damaged beyond use in this process: it must exit, and recovers when it starts again. */
  readonly onFatal: (error: AzudError) => void;
  /** A read cannot be ended but by the end of this process. */
  readonly onStuck?: (error: AzudError) => void;
}

/**
 * The driver of a kind, not yet open. Its SDK is loaded now, so that a process without this store never loads it.
 * @throws AzudError `missing-package`
 */
export async function createStoreDriver(config: StoreConfig, context: StoreContext): Promise<StoreDriver> {
  switch (config.kind) {
    case 'memory': {
      const { MemoryStoreDriver } = await import('./memory/driver.ts');
      return new MemoryStoreDriver();
    }
    case 'duckdb': {
      const { DuckdbStoreDriver } = await sdk('@duckdb/node-api', () => import('./duckdb/driver.ts'));
      return new DuckdbStoreDriver(config, context);
    }
    case 'postgres': {
      const { PostgresStoreDriver } = await sdk('pg pg-copy-streams', () => import('./postgres/driver.ts'));
      return new PostgresStoreDriver(config, context);
    }
  }
}

async function sdk<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new AzudError('missing-package', `this store needs: npm install ${name}`, { cause });
  }
}
