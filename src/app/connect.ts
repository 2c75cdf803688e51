import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Broker } from '../broker/broker.ts';
import { BROKER_CAPABILITIES, createBrokerDriver } from '../broker/registry.ts';
import type { Cache } from '../cache/cache.ts';
import { createCache } from '../cache/registry.ts';
import type { Config } from '../config/config.ts';
import { AzudError } from '../error/azud-error.ts';
import { pointer } from '../event/pointer.ts';
import { systemClock } from '../lib/clock.ts';
import { nodeIo } from '../lib/node-io.ts';
import { compileEndpoints, type Endpoint } from '../query/endpoint.ts';
import { endpointFaults } from '../query/endpoints.ts';
import { createStoreDriver, STORE_CAPABILITIES } from '../store/registry.ts';
import { Store } from '../store/store.ts';
import { silentLog } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { prepareDataDir } from './data-dir.ts';
import { noteShapes } from './table-shapes.ts';

/** One part of the system, as it was found. */
export interface Trial {
  /** Its place in azud.yaml and its kind or name: `broker nats`, `endpoint delays`. */
  readonly what: string;
  /** Null: all is well. */
  readonly error: unknown;
  /** What it says of itself when all is well. */
  readonly detail: string;
}

/** Whoever asks is waiting: each part is tried once. */
const ONCE = { firstMs: 1, maxMs: 1, attemptsMax: 1 };

/** Opens each part as a start would and closes it again; what is wrong with one does not hide what is wrong with another. */
export async function* tryParts(config: Config): AsyncGenerator<Trial> {
  await prepareDataDir(config.dataDir);
  const what = `broker ${config.broker.kind}`;
  let broker: Broker | null = null;
  try {
    broker = await openBroker(config);
    yield { what, error: null, detail: `open: ${broker.capabilities.durability}` };
  } catch (error) {
    yield { what, error, detail: '' };
    // Only who has the log may touch a database beside it.
    if (isEmbedded(BROKER_CAPABILITIES[config.broker.kind]) && isEmbedded(STORE_CAPABILITIES[config.store.kind]))
      return;
  }
  try {
    yield* tryStore(config);
    yield* tryCache(config);
  } finally {
    await broker?.close();
  }
}

const isEmbedded = ({ sharing }: { readonly sharing: string }): boolean => sharing !== 'network';

async function openBroker(config: Config): Promise<Broker> {
  const context = { io: nodeIo, clock: systemClock, log: silentLog, metrics: new Metrics(), onFatal: () => {} };
  const { dataDir, system } = config;
  const driver = await createBrokerDriver(config.broker, { ...context, dataDir, system: system.name, role: 'owner' });
  const broker = new Broker({ ...context, driver, retry: ONCE });
  await broker.open();
  return broker;
}

async function* tryStore(config: Config): AsyncGenerator<Trial> {
  const what = `store ${config.store.kind}`;
  const context = { clock: systemClock, log: silentLog, metrics: new Metrics() };
  let store: Store | null = null;
  try {
    const driver = await createStoreDriver(config.store, { ...context, dataDir: config.dataDir, onFatal: () => {} });
    store = new Store(driver, { ...context, retry: ONCE });
    await store.open([...config.datasets.values()], { allowDestructive: false, onStep: () => {} });
    await noteShapes(config, silentLog);
    yield { what, error: null, detail: 'open, and the tables fit' };
    yield* tryEndpoints(config, store);
  } catch (error) {
    yield { what, error, detail: '' };
  } finally {
    await store?.close();
  }
}

async function* tryEndpoints({ endpoints }: Config, store: Store): AsyncGenerator<Trial> {
  const compiled = compileEndpoints(endpoints);
  const faults = await endpointFaults({ endpoints: compiled, store }, new AbortController().signal);
  yield* compiled.values().map((endpoint) => trialOf(endpoint, faults.get(endpoint.name)));
}

function trialOf({ name, path, shape }: Endpoint, fault?: string): Trial {
  const place = pointer('endpoints', name, 'sql');
  const error = fault === undefined ? null : new AzudError('invalid-config', fault, { hint: fault, path: place });
  return { what: `endpoint ${name}`, error, detail: `GET ${path} · ${shape}` };
}

/**
 * The queries of the endpoints. With an embedded store they are tried on an empty database that is made for it: nothing of
 * the system is opened, and their mistakes are found all the same.
 */
export async function* tryQueries(config: Config): AsyncGenerator<Trial> {
  if (config.store.kind !== 'duckdb' || config.endpoints.length === 0) {
    yield* compileEndpoints(config.endpoints)
      .values()
      .map((endpoint) => trialOf(endpoint));
    return;
  }
  const dataDir = await mkdtemp(join(tmpdir(), 'azud-check-'));
  const context = { clock: systemClock, log: silentLog, metrics: new Metrics(), onFatal: () => {} };
  const store = new Store(await createStoreDriver({ kind: 'duckdb' }, { ...context, dataDir }), context);
  try {
    await store.open([...config.datasets.values()], { allowDestructive: false, onStep: () => {} });
    yield* tryEndpoints(config, store);
  } finally {
    await store.close();
    await rm(dataDir, { recursive: true });
  }
}

/** Only of a server: in process there is nothing to reach. */
async function* tryCache({ cache: config, system }: Config): AsyncGenerator<Trial> {
  if (config.kind === 'memory') return;
  const what = `cache ${config.kind}`;
  let cache: Cache | null = null;
  try {
    const context = { clock: systemClock, log: silentLog, metrics: new Metrics() };
    cache = await createCache(config, { ...context, system: system.name });
    await cache.open();
    yield { what, error: cache.fault, detail: 'open' };
  } catch (error) {
    yield { what, error, detail: '' };
  } finally {
    await cache?.close();
  }
}
