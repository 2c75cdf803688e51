import { Broker } from '../../src/broker/broker.ts';
import { Memory, MemoryDriver } from '../../src/broker/memory/driver.ts';
import type { Batch } from '../../src/event/batch.ts';
import { decodeBatch, encodeBatch } from '../../src/event/codec.ts';
import type { Dataset } from '../../src/event/dataset.ts';
import { uuidV7 } from '../../src/event/ids.ts';
import { compileDataset } from '../../src/event/validator.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { commit } from '../../src/loader/commit.ts';
import type { LoaderLimits } from '../../src/loader/loader.ts';
import { MemoryData, MemoryStoreDriver } from '../../src/store/memory/driver.ts';
import { Store } from '../../src/store/store.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';

/** A memory broker before a memory store, and what outlives both: what a test of the rooms between them needs. */
export interface Flow {
  readonly broker: Broker;
  readonly store: Store;
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly metrics: Metrics;
  readonly memory: Memory;
  readonly data: MemoryData;
  /** @throws the first error of a message */
  publish(...batches: Batch[]): Promise<void>;
  close(): Promise<void>;
}

/** Units at once and retries at once: a test waits for states, not for time. */
export const HASTY: LoaderLimits = {
  unitEventsMax: 50,
  unitEventsAmple: 25,
  unitBytesMax: 64 * 1024,
  unitBatchesMax: 50,
  unitDelayMs: 1,
  unitIntervalMs: 1,
  receiveIntervalMs: 1,
  retryFirstMs: 1,
  retryMaxMs: 2,
  lagIntervalMs: 5,
};

export const FLIGHTS = compileDataset('flights', {
  schema: {
    type: 'object',
    required: ['flight'],
    properties: {
      flight: { type: 'integer' },
      origin: { type: 'string' },
      delay: { type: 'number' },
      at: { type: 'string', format: 'date-time' },
      day: { type: 'string', format: 'date' },
      fare: { type: 'string', format: 'decimal' },
      late: { type: 'boolean' },
      crew: { type: 'array' },
    },
  },
});

export const CLIENTS = compileDataset('clients', {
  mode: 'upsert',
  key: '/id',
  schema: { type: 'object', required: ['id'], properties: { id: { type: 'integer' }, name: { type: 'string' } } },
});

export const DATASETS: ReadonlyMap<string, Dataset> = new Map(
  [FLIGHTS, CLIENTS].map((dataset) => [dataset.name, dataset]),
);

export async function openFlow({
  memory = new Memory(),
  data = new MemoryData(),
  datasets = DATASETS,
} = {}): Promise<Flow> {
  const metrics = new Metrics();
  const common = { metrics, log: silentLog, clock: systemClock };
  const broker = new Broker({ ...common, driver: new MemoryDriver({ clock: systemClock, memory }) });
  const store = new Store(new MemoryStoreDriver(data), common);
  await broker.open();
  await store.open([...datasets.values()], { allowDestructive: false, onStep: () => {} });
  return {
    broker,
    store,
    datasets,
    metrics,
    memory,
    data,
    async publish(...batches) {
      for (const result of await broker.publish(batches.map(encodeBatch))) if ('error' in result) throw result.error;
    },
    async close() {
      await broker.close();
      await store.close();
    },
  };
}

/** A batch of events for flights, or what `more` says. */
export function batchOf(events: readonly unknown[], more: Partial<Batch> = {}): Batch {
  const now = systemClock.now();
  return {
    id: uuidV7(now),
    dataset: 'flights',
    transactionId: uuidV7(now),
    receivedAt: now,
    source: 'http',
    count: events.length,
    lines: Buffer.from(
      events.map((event) => `${typeof event === 'string' ? event : JSON.stringify(event)}\n`).join(''),
    ),
    ids: null,
    rows: null,
    extras: false,
    rejects: [],
    replays: null,
    discards: [],
    ...more,
  };
}

/** Writes what waits in the broker, at most `messagesMax` messages, as a loader would, poison apart. */
export async function writeAll({ broker, store, datasets }: Flow, messagesMax = 1_000): Promise<void> {
  const subscription = await broker.subscribe(await store.progress());
  const { messages } = await broker.backlog(await store.progress());
  if (messages === 0) return;
  const deliveries = await subscription.receive({ messagesMax, bytesMax: 1e9, signal: new AbortController().signal });
  const batches = deliveries.map(({ message, position }) => ({
    batch: decodeBatch(message),
    position,
    dead: new Map(),
  }));
  await commit(batches, { store, datasets });
  await subscription.close();
}
