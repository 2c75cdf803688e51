import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { batchOf, CLIENTS, DATASETS, type Flow, HASTY, openFlow } from '../../test/support/flow.ts';
import type { Progress, Subscription } from '../broker/driver.ts';
import { AzudError } from '../error/azud-error.ts';
import { systemClock } from '../lib/clock.ts';
import { Conservation } from '../query/conservation.ts';
import { silentLog } from '../telemetry/log.ts';
import { Loader, type LoaderBroker, type LoaderOptions, type LoaderStore } from './loader.ts';

let flow: Flow;
beforeEach(async () => {
  flow = await openFlow();
});
afterEach(async () => {
  await Promise.allSettled(running.splice(0).map((each) => each.stop()));
  await flow.close();
});

/** Those begun by the test at hand. */
const running: Running[] = [];

/** A loader that runs until it is stopped. */
class Running {
  readonly loader: Loader;
  readonly ended: Promise<void>;
  readonly #abort = new AbortController();

  constructor(options: Partial<LoaderOptions> = {}) {
    this.loader = new Loader({
      broker: flow.broker,
      store: flow.store,
      datasets: DATASETS,
      clock: systemClock,
      log: silentLog,
      metrics: flow.metrics,
      limits: HASTY,
      ...options,
    });
    this.ended = this.loader.run(this.#abort.signal);
    this.ended.catch(() => {});
    running.push(this);
  }

  stop(): Promise<void> {
    this.#abort.abort();
    return this.ended;
  }
}

const flights = (count: number, first = 1) => Array.from({ length: count }, (_, n) => ({ flight: first + n }));
const stored = async (dataset = 'flights') => (await flow.store.describe(dataset)).rows;

async function counts(dataset = 'flights') {
  const {
    accepted,
    stored: rows,
    duplicate,
    dead,
  } = (await flow.store.ledger()).counts.get(dataset) ?? {
    accepted: 0,
    stored: 0,
    duplicate: 0,
    dead: 0,
  };
  return { accepted, stored: rows, duplicate, dead };
}

const drained = () =>
  eventually(async () => {
    assert.equal((await flow.broker.backlog(await flow.store.progress())).messages, 0);
  });

const balanced = async () => {
  const report = await new Conservation(flow).report();
  assert.ok(report.balanced, JSON.stringify(report));
};

/** The store with some methods replaced. */
function storeWith(over: Partial<LoaderStore>): LoaderStore {
  const { store } = flow;
  return {
    progress: () => store.progress(),
    write: (unit) => store.write(unit),
    isolate: (dataset, lines) => store.isolate(dataset, lines),
    ...over,
  };
}

describe('the loader', () => {
  test('stores every event of every dataset once, and the sums balance at every moment', async () => {
    const run = new Running();
    for (let n = 0; n < 40; n += 1) {
      await flow.publish(batchOf(flights(7, n * 7)), batchOf([{ id: n, name: 'x' }], { dataset: 'clients' }));
      await balanced();
    }
    await drained();
    await run.stop();
    assert.equal(await stored(), 280);
    assert.equal(await stored('clients'), 40);
    assert.deepEqual(await counts(), { accepted: 280, stored: 280, duplicate: 0, dead: 0 });
    assert.equal(run.loader.state.name, 'stopped');
    assert.match(await flow.metrics.expose(), /azud_stored_total\{dataset="flights"\} 280/);
  });

  test('leaves out what comes again after a crash between the write and the ack', async () => {
    await flow.publish(batchOf(flights(10)));
    const crashing: LoaderBroker = {
      capabilities: flow.broker.capabilities,
      backlog: (after) => flow.broker.backlog(after),
      subscribe: async (from) => unacked(await flow.broker.subscribe(from)),
    };
    await assert.rejects(new Running({ broker: crashing }).ended, { code: 'io-failed' });
    const run = new Running({ store: storeWith({ progress: async () => [] }) });
    await flow.publish(batchOf(flights(5, 11)));
    await eventually(async () => assert.equal(await stored(), 15));
    await run.stop();
    assert.deepEqual(await counts(), { accepted: 15, stored: 15, duplicate: 0, dead: 0 });
    await balanced();
  });

  test('tells of all datasets when it begins, of those it stored into before a transaction, and of what was stored already', async () => {
    const told: string[] = [];
    const tells = {
      onStored: async (datasets: ReadonlySet<string>) => {
        await new Promise(setImmediate);
        told.push([...datasets].sort().join('+'));
      },
      onCommitted: () => void told.push('transaction'),
    };
    await flow.publish(batchOf(flights(1)));
    const first = new Running(tells);
    await drained();
    await first.stop();
    const again = new Running({ ...tells, store: storeWith({ progress: async () => [] }) });
    await eventually(() => assert.ok(told.length >= 6));
    await again.stop();
    assert.deepEqual(told, Array(2).fill(['clients+flights', 'flights', 'transaction']).flat());
  });

  for (const place of [0, 6, 12]) {
    test(`puts a line that the store refuses at place ${place} aside as a dead letter, and stores the rest`, async () => {
      const events = flights(13).map((event, at) => (at === place ? { flight: 'twelve' } : event));
      await flow.publish(batchOf([{ id: 1 }], { dataset: 'clients' }), batchOf(flights(3)), batchOf(events));
      const run = new Running();
      await drained();
      await run.stop();
      assert.equal(await stored(), 15);
      const [letter] = [...flow.data.letters.values()];
      assert.equal(letter?.get('stage'), 'store');
      assert.equal(letter?.get('path'), '/flight');
      assert.equal(letter?.get('row'), place + 1);
      assert.equal(Buffer.from(String(letter?.get('original')), 'base64').toString(), '{"flight":"twelve"}');
      assert.deepEqual(await counts(), { accepted: 16, stored: 15, duplicate: 0, dead: 1 });
      await balanced();
    });
  }

  test('keeps a whole batch as dead letters when the store refuses it but no line alone', async () => {
    const refuses = new AzudError('bad-row', 'no', { path: '/flight' });
    const store = storeWith({
      write: (unit) => {
        const bad = unit.batches.some(({ batch, dead }) => batch.source === 'bad' && dead.size < batch.count);
        return bad ? Promise.reject(refuses) : flow.store.write(unit);
      },
    });
    await flow.publish(batchOf(flights(2)), batchOf(flights(3), { source: 'bad' }), batchOf(flights(4)));
    const run = new Running({ store });
    await drained();
    await run.stop();
    assert.deepEqual(await counts(), { accepted: 9, stored: 6, duplicate: 0, dead: 3 });
    await balanced();
  });

  test('keeps events of a dataset that is not declared any more as dead letters', async () => {
    await flow.publish(batchOf([{ a: 1 }, { a: 2 }], { dataset: 'gone' }), batchOf(flights(1)));
    const run = new Running();
    await drained();
    await run.stop();
    assert.deepEqual(await counts('gone'), { accepted: 2, stored: 0, duplicate: 0, dead: 2 });
    assert.equal([...flow.data.letters.values()][0]?.get('code'), 'dataset_not_found');
    assert.equal(await stored(), 1);
    await balanced();
  });

  test('waits with the reason while the store is full, and writes the same unit when it is not', async () => {
    let full = true;
    const store = storeWith({
      write: (unit) =>
        full ? Promise.reject(new AzudError('storage-full', 'the disk is full')) : flow.store.write(unit),
    });
    const run = new Running({ store });
    await flow.publish(batchOf(flights(3)));
    await eventually(() => assert.deepEqual(run.loader.state, { name: 'waiting', reason: 'the disk is full' }));
    await flow.publish(batchOf(flights(3, 4)));
    await balanced();
    full = false;
    await eventually(async () => assert.equal(await stored(), 6));
    await eventually(() => assert.equal(run.loader.state.name, 'running'));
    await run.stop();
  });

  test('counts once what was written although the store said that it could not be reached', async () => {
    let lost = 2;
    const store = storeWith({
      write: async (unit) => {
        const result = await flow.store.write(unit);
        lost -= 1;
        if (lost >= 0) throw new AzudError('not-connected', 'the answer was lost');
        return result;
      },
    });
    const run = new Running({ store });
    await flow.publish(batchOf(flights(20)), batchOf(flights(20, 21)));
    await drained();
    await run.stop();
    assert.equal(await stored(), 40);
    await balanced();
  });

  test('subscribes anew when the broker goes away', async () => {
    let failures = 3;
    const broker: LoaderBroker = {
      capabilities: flow.broker.capabilities,
      backlog: (after) => flow.broker.backlog(after),
      subscribe: (from: Progress) => {
        failures -= 1;
        return failures >= 0 ? Promise.reject(new AzudError('not-connected', 'gone')) : flow.broker.subscribe(from);
      },
    };
    await flow.publish(batchOf(flights(3)));
    const run = new Running({ broker });
    await drained();
    await run.stop();
    assert.equal(await stored(), 3);
  });

  test('writes what is in hand and subscribes anew, without a pause, when the work is divided anew', async () => {
    const moves = [new AbortController(), new AbortController()];
    const begun: Progress[] = [];
    const states = new Set<string>();
    const broker: LoaderBroker = {
      capabilities: flow.broker.capabilities,
      backlog: (after) => flow.broker.backlog(after),
      subscribe: async (from, group) => {
        assert.equal(group, 'store 1');
        const inner = await flow.broker.subscribe(from);
        const moved = moves[begun.length]?.signal;
        begun.push(from);
        return {
          ...(moved && { moved }),
          receive: async (options) => {
            const deliveries = await inner.receive(options);
            states.add(run.loader.state.name);
            moves[begun.length - 1]?.abort();
            return deliveries;
          },
          ack: (deliveries) => inner.ack(deliveries),
          nack: (deliveries, delayMs) => inner.nack(deliveries, delayMs),
          close: () => inner.close(),
        };
      },
    };
    const run = new Running({ broker, group: 'store 1' });
    for (const first of [1, 4, 7]) {
      await flow.publish(batchOf(flights(3, first)));
      await drained();
    }
    await run.stop();
    assert.deepEqual(
      begun.map(([position]) => position?.offset ?? 0),
      [0, 1, 2],
    );
    assert.deepEqual(states, new Set(['running']));
    assert.deepEqual(await counts(), { accepted: 9, stored: 9, duplicate: 0, dead: 0 });
  });

  for (const code of ['store-damaged', 'io-failed', 'log-damaged'] as const) {
    test(`stops with ${code}, for a restart to answer`, async () => {
      const store = storeWith({ write: () => Promise.reject(new AzudError(code, 'broken')) });
      await flow.publish(batchOf(flights(1)));
      const run = new Running({ store });
      await assert.rejects(run.ended, { code });
      assert.equal(run.loader.state.name, 'stopped');
    });
  }

  test('stops at a payload it cannot read', async () => {
    flow.memory.messages.push({
      id: 'x',
      dataset: 'flights',
      transactionId: 'x',
      events: 1,
      time: 0,
      payload: Buffer.from('{"v":9}\n'),
    });
    await assert.rejects(new Running().ended, { code: 'log-damaged' });
  });

  test('finishes the unit in hand when it is told to stop', async () => {
    const gate = Promise.withResolvers<void>();
    let writing = false;
    const store = storeWith({
      write: async (unit) => {
        writing = true;
        await gate.promise;
        return flow.store.write(unit);
      },
    });
    const run = new Running({ store });
    await flow.publish(batchOf(flights(3)));
    await eventually(() => assert.ok(writing));
    const ended = run.stop();
    gate.resolve();
    await ended;
    assert.equal(await stored(), 3);
  });

  test('hands back what it did not write to a broker without positions', async () => {
    const nacked: string[] = [];
    const broker: LoaderBroker = {
      capabilities: { ...flow.broker.capabilities, positions: false },
      backlog: (after) => flow.broker.backlog(after),
      subscribe: async (from) => withoutPositions(await flow.broker.subscribe(from), nacked),
    };
    const failing = batchOf(flights(1));
    await flow.publish(failing);
    const store = storeWith({ write: () => Promise.reject(new AzudError('store-damaged', 'broken')) });
    await assert.rejects(new Running({ broker, store }).ended, { code: 'store-damaged' });
    assert.deepEqual(nacked, [failing.id]);
    // And by batch id it is stored once, however often it comes.
    const twice = { ...broker, subscribe: async () => withoutPositions(await flow.broker.subscribe([]), []) };
    for (const _ of [1, 2]) {
      const run = new Running({ broker: twice });
      await eventually(async () => assert.equal(await stored(), 1));
      await run.stop();
    }
    assert.equal(await stored(), 1);
  });

  test('gives the store units of a bounded size, by events, batches and bytes', async () => {
    for (let n = 0; n < 60; n += 1) await flow.publish(batchOf(flights(3, n * 3)));
    const sizes = async (limits: Partial<typeof HASTY>) => {
      const seen: { readonly batches: number; readonly events: number; readonly bytes: number }[] = [];
      const write: LoaderStore['write'] = async ({ batches }) => {
        const sum = (of: (batch: (typeof batches)[number]['batch']) => number) =>
          batches.reduce((total, { batch }) => total + of(batch), 0);
        seen.push({
          batches: batches.length,
          events: sum(({ count }) => count),
          bytes: sum(({ lines }) => lines.length),
        });
        return batches.map(() => null);
      };
      const run = new Running({ store: storeWith({ write }), limits: { ...HASTY, ...limits } });
      await eventually(() =>
        assert.equal(
          seen.reduce((total, { batches }) => total + batches, 0),
          60,
        ),
      );
      await run.stop();
      return seen;
    };
    for (const { batches } of await sizes({ unitBatchesMax: 8 })) assert.ok(batches <= 8, `${batches} batches`);
    for (const { events } of await sizes({ unitEventsMax: 10 })) assert.ok(events <= 10, `${events} events`);
    for (const { bytes } of await sizes({ unitBytesMax: 600 })) assert.ok(bytes <= 600, `${bytes} bytes`);
  });

  test('keeps the order of events of one key, however they are grouped', async () => {
    const changes = Array.from({ length: 120 }, (_, n) => ({ id: 1, name: `version ${n}` }));
    for (const change of changes) await flow.publish(batchOf([change], { dataset: CLIENTS.name, receivedAt: 1 }));
    const run = new Running({ limits: { ...HASTY, unitEventsMax: 7 } });
    await drained();
    await run.stop();
    assert.equal([...(flow.data.rows.get('clients')?.values() ?? [])][0]?.get('name'), 'version 119');
  });
});

/** A process that dies after the write, before the ack. */
function unacked(subscription: Subscription): Subscription {
  return {
    receive: (options) => subscription.receive(options),
    ack: () => Promise.reject(new AzudError('io-failed', 'killed')),
    nack: (deliveries, delayMs) => subscription.nack(deliveries, delayMs),
    close: () => subscription.close(),
  };
}

function withoutPositions(subscription: Subscription, nacked: string[]): Subscription {
  return {
    receive: async (options) =>
      (await subscription.receive(options)).map((delivery) => ({ ...delivery, position: null })),
    ack: async () => {},
    nack: async (deliveries) => void nacked.push(...deliveries.map(({ message }) => message.id)),
    close: () => subscription.close(),
  };
}
