import type { Broker } from '../broker/broker.ts';
import type { Cache } from '../cache/cache.ts';
import { createCache } from '../cache/registry.ts';
import { Results } from '../cache/results.ts';
import { Transactions } from '../cache/transactions.ts';
import { systemClock } from '../lib/clock.ts';
import { CACHE_LIMITS } from '../limits.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ProcessPlan } from './plan.ts';
import { opensStore } from './roles.ts';

export interface CachesOptions {
  readonly plan: Pick<ProcessPlan, 'config' | 'roles'>;
  readonly broker: Pick<Broker, 'capabilities'>;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** What a process keeps for a while, of the cache that it is given. */
export interface Caches {
  /** Null where nothing is read. */
  readonly results: Results | null;
  /** Null where the broker finds transactions by itself. */
  readonly transactions: Transactions | null;
  /** Resolves when the first try to connect is over, whatever came of it. */
  readonly opened: Promise<void>;
  close(): Promise<void>;
}

/** Nothing waits for the connection. @throws AzudError `missing-package`, `invalid-config` */
export async function openCaches({ plan, broker, metrics, log }: CachesOptions): Promise<Caches> {
  const { cache: config, system } = plan.config;
  const context = { system: system.name, clock: systemClock, log, metrics };
  const reads = opensStore(plan.roles);
  const finds = broker.capabilities.find;
  const shared = config.kind !== 'memory';
  const main = reads || (shared && !finds) ? await createCache(config, context) : null;
  // In process they have a bound of their own, so that neither pushes the other out.
  const own =
    shared || finds ? null : await createCache(config, { ...context, entriesMax: CACHE_LIMITS.transactionsMax });
  const told = finds ? null : (own ?? main);
  const results = main && reads ? new Results({ cache: main, metrics, clock: systemClock }) : null;
  const transactions = told && new Transactions({ cache: told, ttlMs: config.transactions, metrics });
  const caches = [main, own].filter((cache): cache is Cache => cache !== null);
  return {
    results,
    transactions,
    opened: Promise.all(caches.map((cache) => cache.open())).then(() => {}),
    async close() {
      results?.close();
      await transactions?.close();
      await Promise.all(caches.map((cache) => cache.close()));
    },
  };
}
