import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { batchOf, DATASETS, HASTY, openFlow } from '../../test/support/flow.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLog } from '../telemetry/log.ts';
import { Loader } from './loader.ts';

test('nothing is acked before the store has it: a broker may forget it from then on', async () => {
  const flow = await openFlow();
  const stored: number[] = [];
  const acked: number[] = [];
  const loader = new Loader({
    broker: {
      capabilities: flow.broker.capabilities,
      backlog: (after) => flow.broker.backlog(after),
      subscribe: async (from) => {
        const subscription = await flow.broker.subscribe(from);
        return {
          receive: (options) => subscription.receive(options),
          nack: (deliveries, delayMs) => subscription.nack(deliveries, delayMs),
          close: () => subscription.close(),
          ack: (deliveries) => {
            const [progress] = [...flow.data.positions.values()];
            stored.push(progress?.offset ?? 0);
            acked.push(deliveries.at(-1)?.position?.offset ?? 0);
            return subscription.ack(deliveries);
          },
        };
      },
    },
    store: {
      progress: () => flow.store.progress(),
      isolate: (dataset, lines) => flow.store.isolate(dataset, lines),
      write: async (unit) => {
        await new Promise(setImmediate);
        return flow.store.write(unit);
      },
    },
    datasets: DATASETS,
    clock: systemClock,
    log: silentLog,
    metrics: flow.metrics,
    limits: HASTY,
  });
  const stopping = new AbortController();
  const ended = loader.run(stopping.signal);
  for (let n = 0; n < 20; n += 1) await flow.publish(batchOf([{ flight: n }]));
  await eventually(() => assert.equal(acked.at(-1), 20));
  stopping.abort();
  await ended;
  await flow.close();
  assert.deepEqual(stored, acked);
});
