import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { batchOf, type Flow, openFlow, writeAll } from '../../test/support/flow.ts';
import type { Backlog, Progress } from '../broker/driver.ts';
import type { TakenIn } from '../event/taken-in.ts';
import { systemClock } from '../lib/clock.ts';
import { Commits } from './commits.ts';
import { Conservation } from './conservation.ts';
import { Datasets } from './datasets.ts';
import { Receipts } from './receipts.ts';

const NEVER = new AbortController().signal;

let flow: Flow;
let receipts: Receipts;
const commits = new Commits(systemClock);
beforeEach(async () => {
  flow = await openFlow();
  receipts = new Receipts({ ...flow, commits, clock: systemClock });
});
afterEach(() => flow.close());

const flights = (count: number) => Array.from({ length: count }, (_, n) => ({ flight: n }));
const rejectOf = (row: number) => ({
  id: `019a0000-0000-7000-8000-${String(row).padStart(12, '0')}`,
  row,
  code: 'schema_violation',
  message: 'no',
  path: '/flight',
  original: Buffer.from('{}'),
  eventId: null,
});

describe('a receipt that is waited for', () => {
  test('comes with the commit, without a look at the store before', async () => {
    const batch = batchOf(flights(3));
    await flow.publish(batch);
    const waited = receipts.settled(batch.transactionId, { ms: 60_000, signal: NEVER });
    await writeAll(flow);
    commits.tell([batch.transactionId]);
    assert.equal((await waited)?.counts.stored, 3);
  });

  test('is read once for all who wait for the same', async () => {
    const batch = batchOf(flights(1));
    await flow.publish(batch);
    let reads = 0;
    const find = (id: string) => {
      reads += 1;
      return flow.broker.find(id);
    };
    const counted = new Receipts({ store: flow.store, broker: { find }, commits, clock: systemClock });
    const waits = Array.from({ length: 20 }, () => counted.settled(batch.transactionId, { ms: 60_000, signal: NEVER }));
    await writeAll(flow);
    commits.tell([batch.transactionId]);
    for (const receipt of await Promise.all(waits)) assert.equal(receipt?.state, 'stored');
    assert.equal(reads, 1);
  });

  test('is none when the time is over, also of a transaction that nobody knows yet', async () => {
    const batch = batchOf(flights(1));
    assert.equal(await receipts.settled(batch.transactionId, { ms: 1, signal: NEVER }), null);
    await flow.publish(batch);
    assert.equal(await receipts.settled(batch.transactionId, { ms: 1, signal: NEVER }), null);
  });

  test('of what was stored long ago needs no commit', async () => {
    const batch = batchOf(flights(1));
    await flow.publish(batch);
    await writeAll(flow);
    assert.equal((await receipts.settled(batch.transactionId, { ms: 5, signal: NEVER }))?.state, 'stored');
  });
});

describe('a receipt', () => {
  test('goes from queued to stored, whole at every step', async () => {
    const batch = batchOf(flights(3), { receivedAt: 1_700_000_000_000 });
    await assert.rejects(receipts.of(batch.transactionId, { signal: NEVER }), { code: 'transaction-not-found' });
    await flow.publish(batch);
    const common = {
      transaction_id: batch.transactionId,
      dataset: 'flights',
      received_at: '2023-11-14T22:13:20.000Z',
      dead_letters: [],
    };
    assert.deepEqual(await receipts.of(batch.transactionId, { signal: NEVER }), {
      ...common,
      state: 'queued',
      counts: { accepted: 3, stored: 0, duplicate: 0, dead: 0, queued: 3 },
    });
    await writeAll(flow);
    const stored = { ...common, state: 'stored', counts: { accepted: 3, stored: 3, duplicate: 0, dead: 0, queued: 0 } };
    assert.deepEqual(await receipts.of(batch.transactionId.toUpperCase(), { signal: NEVER }), stored);
    await flow.broker.release(await flow.store.progress());
    assert.deepEqual(await receipts.of(batch.transactionId, { signal: NEVER }), stored);
  });

  test('is there for whoever may know of every dataset in it, and for nobody else', async () => {
    const flight = batchOf(flights(1));
    await flow.publish(flight, batchOf([{ id: 1 }], { dataset: 'clients', transactionId: flight.transactionId }));
    for (const write of [() => Promise.resolve(), () => writeAll(flow)]) {
      await write();
      const asked = (known: readonly string[]) =>
        receipts.of(flight.transactionId, { signal: NEVER, visible: (dataset) => known.includes(dataset) });
      await assert.rejects(asked(['flights']), { code: 'transaction-not-found' });
      const { dataset, counts } = await asked(['flights', 'clients']);
      assert.deepEqual([dataset, counts.accepted], [null, 2]);
    }
  });

  test('is partial with its dead letters, and lists the first hundred', async () => {
    const rejects = Array.from({ length: 150 }, (_, n) => rejectOf(n + 2));
    const batch = batchOf(flights(1), { rejects });
    await flow.publish(batch);
    await writeAll(flow);
    const { state, counts, dead_letters } = await receipts.of(batch.transactionId, { signal: NEVER });
    assert.equal(state, 'partial');
    assert.deepEqual(counts, { accepted: 151, stored: 1, duplicate: 0, dead: 150, queued: 0 });
    assert.equal(dead_letters.length, 100);
    assert.deepEqual(dead_letters[0], {
      id: rejectOf(2).id,
      row: 2,
      code: 'schema_violation',
      path: '/flight',
      message: 'no',
    });
  });

  test('names no dataset when its events went to several', async () => {
    const batch = batchOf(flights(1));
    await flow.publish(batch, batchOf([{ id: 1 }], { dataset: 'clients', transactionId: batch.transactionId }));
    await writeAll(flow, 1);
    const receipt = await receipts.of(batch.transactionId, { signal: NEVER });
    assert.equal(receipt.dataset, null);
    assert.equal(receipt.state, 'queued');
    assert.deepEqual(receipt.counts, { accepted: 2, stored: 1, duplicate: 0, dead: 0, queued: 1 });
  });

  test('never goes back to queued when the request is repeated with its key', async () => {
    const first = batchOf(flights(2), { ids: ['k1', 'k2'] });
    const again = () => batchOf(flights(2), { ids: ['k1', 'k2'], transactionId: first.transactionId });
    await flow.publish(first, again());
    assert.equal(
      (await receipts.of(first.transactionId, { signal: NEVER })).counts.accepted,
      2,
      'a retry waiting beside it',
    );
    await writeAll(flow, 1);
    await flow.publish(again());
    const waiting = await receipts.of(first.transactionId, { signal: NEVER });
    assert.equal(waiting.state, 'stored');
    await flow.broker.release([{ stream: flow.memory.stream, offset: 1 }]);
    assert.equal(
      (await receipts.of(first.transactionId, { signal: NEVER })).state,
      'stored',
      'the first is gone from the broker',
    );
    await writeAll(flow);
    const { state, counts } = await receipts.of(first.transactionId, { signal: NEVER });
    assert.equal(state, 'stored');
    assert.deepEqual(counts, { accepted: 6, stored: 2, duplicate: 4, dead: 0, queued: 0 });
  });

  test('keeps the parts of a split request apart from retries', async () => {
    const { transactionId } = batchOf([]);
    const part = (rows: number[]) => batchOf(flights(rows.length), { transactionId, rows, ids: rows.map(String) });
    await flow.publish(part([1, 3]), part([2, 4]));
    await writeAll(flow, 1);
    assert.deepEqual((await receipts.of(transactionId, { signal: NEVER })).counts, {
      accepted: 4,
      stored: 2,
      duplicate: 0,
      dead: 0,
      queued: 2,
    });
  });

  test('is not found for what is no transaction id', async () => {
    for (const id of [
      '',
      'x',
      "1' or 1=1",
      '019a0000-0000-7000-8000-00000000000',
      '019a0000-0000-7000-8000-000000000000',
    ]) {
      await assert.rejects(receipts.of(id, { signal: NEVER }), { code: 'transaction-not-found' }, id);
    }
  });
});

describe('conservation', () => {
  test('balances to the last event while events wait, die, repeat and are stored', async () => {
    const conservation = new Conservation(flow);
    const ids = ['a', 'b', 'c'];
    await flow.publish(
      batchOf(flights(3), { ids }),
      batchOf(flights(3), { ids }),
      batchOf([], { rejects: [rejectOf(1)] }),
    );
    await flow.publish(batchOf(flights(5)));
    for (let written = 0; written <= 4; written += 1) {
      const { balanced } = await conservation.report();
      assert.ok(balanced);
      await writeAll(flow, 1);
    }
    assert.deepEqual(await conservation.report(), {
      balanced: true,
      datasets: [
        { dataset: 'clients', accepted: 0, stored: 0, duplicate: 0, dead: 0, in_flight: 0, balanced: true },
        { dataset: 'flights', accepted: 12, stored: 8, duplicate: 3, dead: 1, in_flight: 0, balanced: true },
      ],
    });
  });

  test('says that it does not know what waits in a broker that cannot tell', async () => {
    await flow.publish(batchOf(flights(2)));
    await writeAll(flow);
    await flow.publish(batchOf(flights(3)));
    const opaqueBroker = {
      backlog: async (after: Progress): Promise<Backlog> => {
        const { messages, end } = await flow.broker.backlog(after);
        return { messages, bytes: 0, oldestTime: null, queued: new Map(), accepted: null, end, opaque: true };
      },
    };
    const conservation = new Conservation({ ...flow, broker: opaqueBroker });
    const flightsNow = async () => (await conservation.report()).datasets[1];
    const known = { dataset: 'flights', duplicate: 0, dead: 0, balanced: true };
    assert.deepEqual(await flightsNow(), { ...known, accepted: 2, stored: 2, in_flight: null });
    await writeAll(flow);
    assert.deepEqual(await flightsNow(), { ...known, accepted: 5, stored: 5, in_flight: 0 });
    const ignorant = async (after: Progress) => ({ ...(await opaqueBroker.backlog(after)), messages: null });
    const report = await new Conservation({ ...flow, broker: { backlog: ignorant } }).report();
    assert.deepEqual(report.datasets[1], { ...known, accepted: 5, stored: 5, in_flight: null });
  });

  test('says so when an event is missing or too many', async () => {
    await flow.publish(batchOf(flights(2)));
    await writeAll(flow);
    flow.data.counts.set('flights', { accepted: 2, stored: 1, duplicate: 0, dead: 0 });
    const { balanced, datasets } = await new Conservation(flow).report();
    assert.equal(balanced, false);
    assert.deepEqual(
      datasets.map((each) => [each.dataset, each.balanced]),
      [
        ['clients', true],
        ['flights', false],
      ],
    );
  });
});

describe('datasets', () => {
  test('tell rows, first and last, and how far the store is behind', async () => {
    await flow.publish(batchOf(flights(2), { receivedAt: 1_000 }), batchOf(flights(3), { receivedAt: 2_000 }));
    await writeAll(flow, 1);
    const datasets = new Datasets(flow);
    const [summary] = await datasets.list();
    const { bytes, ...facts } = summary ?? assert.fail('no dataset');
    assert.ok(bytes > 0);
    const first = '1970-01-01T00:00:01.000Z';
    assert.deepEqual(facts, { dataset: 'flights', mode: 'append', rows: 2, first, last: first, lag: 3 });
    const detail = await datasets.detail('clients');
    assert.equal(detail.key, 'id');
    assert.deepEqual(
      detail.columns.map(({ name }) => name),
      ['id', 'name', '_event_id', '_transaction_id', '_received_at', '_extra'],
    );
    await assert.rejects(datasets.detail('client'), { code: 'dataset-not-found' });
  });
});

describe('a receipt of what the broker cannot find', () => {
  const blind = (told: ReadonlyMap<string, TakenIn>) =>
    new Receipts({
      store: flow.store,
      broker: { find: async () => [] },
      takenIn: async (id) => told.get(id) ?? null,
      commits,
      clock: systemClock,
    });
  const half = (transactionId: string, rows: number[]) =>
    batchOf(flights(rows.length), { transactionId, rows, ids: rows.map((row) => `${transactionId} ${row}`) });

  test('is queued at once by what intake told, whole while a part is written, and then stored for good', async () => {
    const { transactionId } = batchOf([]);
    const time = 1_700_000_000_000;
    const receiptsOf = blind(new Map([[transactionId, { time, events: new Map([['flights', 5]]) }]]));
    const common = { transaction_id: transactionId, dataset: 'flights', dead_letters: [] };
    assert.deepEqual(await receiptsOf.of(transactionId, { signal: NEVER }), {
      ...common,
      received_at: '2023-11-14T22:13:20.000Z',
      state: 'queued',
      counts: { accepted: 5, stored: 0, duplicate: 0, dead: 0, queued: 5 },
    });
    await flow.publish(half(transactionId, [1, 2]));
    await writeAll(flow);
    const partly = await receiptsOf.of(transactionId, { signal: NEVER });
    assert.equal(partly.state, 'queued');
    assert.deepEqual(partly.counts, { accepted: 5, stored: 2, duplicate: 0, dead: 0, queued: 3 });
    await flow.publish(half(transactionId, [3, 4, 5]));
    await writeAll(flow);
    const retried = { accepted: 10, stored: 5, duplicate: 5, dead: 0, queued: 0 };
    for (const counts of [{ ...retried, accepted: 5, duplicate: 0 }, retried]) {
      const receipt = await receiptsOf.of(transactionId, { signal: NEVER });
      assert.equal(receipt.state, 'stored');
      assert.deepEqual(receipt.counts, counts);
      await flow.publish(half(transactionId, [1, 2, 3, 4, 5]));
      await writeAll(flow);
    }
  });

  test('is queued for one who brings what intake knows, and hidden from whoever may not know of the dataset', async () => {
    const { transactionId } = batchOf([]);
    const takenIn = { time: 1, events: new Map([['flights', 1]]) };
    const asking = { signal: NEVER, takenIn };
    assert.equal((await blind(new Map()).of(transactionId, asking)).state, 'queued');
    await assert.rejects(
      blind(new Map()).of(transactionId, { ...asking, visible: (dataset) => dataset === 'clients' }),
      {
        code: 'transaction-not-found',
      },
    );
  });
});
