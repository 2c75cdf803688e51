import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { batchOf, DATASETS, HASTY, openFlow } from '../../test/support/flow.ts';
import { AzudError } from '../error/azud-error.ts';
import { systemClock } from '../lib/clock.ts';
import { type Log, silentLog } from '../telemetry/log.ts';
import { Loader, type LoaderBroker } from './loader.ts';

/** Keeps which attempt each wait came after. */
class Waits implements Log {
  readonly attempts: unknown[] = [];
  readonly debug = silentLog.debug;
  readonly info = silentLog.info;
  readonly error = silentLog.error;

  warn(_message: string, { attempt }: Readonly<Record<string, unknown>> = {}): void {
    if (attempt !== undefined) this.attempts.push(attempt);
  }

  with(): Log {
    return this;
  }
}

test('a connection that breaks again and again, each time after something was stored, is not waited for ever longer', async () => {
  const flow = await openFlow();
  const log = new Waits();
  const breaking: LoaderBroker = {
    capabilities: flow.broker.capabilities,
    backlog: (after) => flow.broker.backlog(after),
    subscribe: async (from) => {
      const inner = await flow.broker.subscribe(from);
      const stored = Promise.withResolvers<void>();
      let given = false;
      return {
        receive: async (options) => {
          if (!given) {
            given = true;
            return inner.receive({ ...options, messagesMax: 1 });
          }
          options.signal.addEventListener('abort', () => stored.resolve(), { once: true });
          await stored.promise;
          if (options.signal.aborted) return [];
          throw new AzudError('not-connected', 'the connection broke');
        },
        ack: async (deliveries) => {
          await inner.ack(deliveries);
          stored.resolve();
        },
        nack: (deliveries, delayMs) => inner.nack(deliveries, delayMs),
        close: () => inner.close(),
      };
    },
  };
  for (let n = 0; n < 8; n += 1) await flow.publish(batchOf([{ flight: n }]));
  const abort = new AbortController();
  const { store, metrics } = flow;
  const loader = new Loader({
    broker: breaking,
    store,
    datasets: DATASETS,
    clock: systemClock,
    log,
    metrics,
    limits: HASTY,
  });
  const ended = loader.run(abort.signal);
  await eventually(async () => assert.equal((await store.describe('flights')).rows, 8));
  abort.abort();
  await ended;
  await flow.close();
  assert.ok(log.attempts.length >= 6, `${log.attempts.length} waits`);
  assert.deepEqual(new Set(log.attempts), new Set([1]));
});
