import type { Broker } from '../broker/broker.ts';
import { isAzudError } from '../error/azud-error.ts';
import type { QueryRoom } from '../http/rooms.ts';
import { systemClock } from '../lib/clock.ts';
import { Keeper } from '../loader/keeper.ts';
import { Loader, type LoaderState } from '../loader/loader.ts';
import { AdHoc } from '../query/ad-hoc.ts';
import { Commits } from '../query/commits.ts';
import { Conservation } from '../query/conservation.ts';
import { Datasets } from '../query/datasets.ts';
import { DeadLetters } from '../query/dead-letters.ts';
import { compileEndpoints } from '../query/endpoint.ts';
import { Endpoints } from '../query/endpoints.ts';
import { Receipts } from '../query/receipts.ts';
import { RowsReader } from '../query/rows.ts';
import { createStoreDriver } from '../store/registry.ts';
import { Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Caches } from './caches.ts';
import { identityOf } from './identity.ts';
import type { ComposeContext, ProcessPlan } from './plan.ts';
import { Rebuild } from './rebuild.ts';
import { noteShapes } from './table-shapes.ts';

export interface AnalyticsOptions extends ComposeContext {
  readonly plan: ProcessPlan;
  readonly metrics: Metrics;
  readonly broker: Broker;
  readonly caches: Caches;
}

/** The half of a process that has the store: loads and answers reads. */
export interface Analytics {
  readonly query: QueryRoom;
  readonly state: LoaderState;
  /** What a recovery has still to do before reads are answered, in words; null: nothing. */
  readonly rebuilding: string | null;
  /** Finishes the unit in hand and closes the store. */
  close(): Promise<void>;
}

/** @throws AzudError as `Store.open`, `missing-package` */
export async function openAnalytics(options: AnalyticsOptions): Promise<Analytics> {
  const { plan, metrics, broker, caches, log, onStep, onFatal } = options;
  const { config } = plan;
  // A process that only answers reads and loads is started anew at once; one that also takes in lives on.
  const onStuck = plan.door === 'internal' ? onFatal : (error: Error) => log.error(error.message);
  const driver = await createStoreDriver(config.store, { dataDir: config.dataDir, log, metrics, onFatal, onStuck });
  const store = new Store(driver, { clock: systemClock, metrics, log });
  await store.open([...config.datasets.values()], { allowDestructive: plan.allowDestructive, onStep });
  await noteShapes(config, log);
  if (plan.roles.includes('loader')) await refuseOtherLog(broker, store);
  const rebuild = await Rebuild.begin({ store, broker, clock: systemClock, log });
  const { cursorKey, group } = await identityOf(store, config.dataDir);
  const stopping = new AbortController();
  const commits = new Commits(systemClock);
  const query = queryRoom({ ...options, store, commits, key: cursorKey });
  const { watched } = query.endpoints;
  const loader = new Loader({
    broker,
    store,
    datasets: config.datasets,
    clock: systemClock,
    log,
    metrics,
    group,
    onStored: async (datasets) => caches.results?.changed(datasets.intersection(watched)),
    onCommitted: (transactionIds) => commits.tell(transactionIds),
  });
  const keeper = new Keeper({ broker, store, clock: systemClock, log });
  await caches.opened;
  const work = plan.roles.includes('loader') ? [loader.run(stopping.signal), keeper.run(stopping.signal)] : [];
  if (rebuild.step !== null) work.push(rebuild.run(stopping.signal));
  for (const each of work) each.catch(onFatal);
  // Nobody must wait for somebody's SQL to be mended: it is said, and the endpoint answers with the reason.
  const trial = plan.roles.includes('query') ? tellFaults(query, stopping.signal, log) : Promise.resolve();
  return {
    query,
    get state() {
      return loader.state;
    },
    get rebuilding() {
      return rebuild.step;
    },
    async close() {
      stopping.abort();
      await Promise.allSettled([...work, trial]);
      await store.close();
    },
  };
}

/**
 * A log that lies beside the database and is not the one that it was loaded from is a mix-up that no waiting mends: the start
 * says so. Of a broker on a network the loader finds out, which can wait for it.
 * @throws AzudError `log-behind`
 */
async function refuseOtherLog(broker: Broker, store: Store): Promise<void> {
  if (broker.capabilities.sharing === 'network') return;
  try {
    await broker.backlog(await store.progress());
  } catch (error) {
    if (!isAzudError(error, 'log-behind')) return;
    await store.close();
    throw error;
  }
}

/** Never rejects: a store that does not answer now is told of elsewhere. */
async function tellFaults({ endpoints }: QueryRoom, signal: AbortSignal, log: Log): Promise<void> {
  const faults = await endpoints.faults(signal).catch(() => new Map<string, string>());
  for (const [endpoint, reason] of faults) log.warn('an endpoint cannot work', { endpoint, reason });
}

interface QueryParts extends AnalyticsOptions {
  readonly store: Store;
  readonly commits: Commits;
  readonly key: Buffer;
}

function queryRoom({ plan, broker, store, commits, key, caches, log }: QueryParts): QueryRoom {
  const { datasets, endpoints } = plan.config;
  const { transactions, results } = caches;
  if (!results) throw new Error('a process that reads keeps results');
  return {
    adHoc: new AdHoc({ store, config: plan.config.sql, clock: systemClock, log }),
    rows: new RowsReader({ store, datasets, cursorKey: key }),
    datasets: new Datasets({ store, broker, datasets }),
    endpoints: new Endpoints({
      endpoints: compileEndpoints(endpoints),
      store,
      results,
      datasets: [...datasets.keys()],
    }),
    receipts: new Receipts({
      store,
      broker,
      commits,
      clock: systemClock,
      takenIn: async (id) => transactions?.find(id) ?? null,
    }),
    conservation: new Conservation({ store, broker, datasets }),
    deadLetters: new DeadLetters({ store, broker, datasets, clock: systemClock, cursorKey: key, log }),
  };
}
