import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { batchOf, DATASETS, HASTY, openFlow } from '../../test/support/flow.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLog } from '../telemetry/log.ts';
import { Loader } from './loader.ts';

test('a store is shown the next two full units while it writes one, and is then given the same batches', async () => {
  const flow = await openFlow();
  for (let n = 0; n < 5; n += 1) await flow.publish(batchOf([{ flight: n }]));
  const prepared: unknown[] = [];
  const written: unknown[] = [];
  const loader = new Loader({
    broker: flow.broker,
    store: {
      progress: () => flow.store.progress(),
      isolate: (dataset, lines) => flow.store.isolate(dataset, lines),
      prepare: ({ batches }) => prepared.push(batches),
      write: async (unit) => {
        written.push(unit.batches);
        await eventually(() => assert.equal(prepared.length, Math.min(written.length + 2, 5)));
        return flow.store.write(unit);
      },
    },
    datasets: DATASETS,
    clock: systemClock,
    log: silentLog,
    metrics: flow.metrics,
    limits: { ...HASTY, unitEventsMax: 1 },
  });
  const stopping = new AbortController();
  const ended = loader.run(stopping.signal);
  await eventually(async () => {
    assert.equal((await flow.broker.backlog(await flow.store.progress())).messages, 0);
  });
  stopping.abort();
  await ended;
  await flow.close();
  assert.equal(written.length, 5);
  assert.ok(written.every((batches, n) => batches === prepared[n]));
});
