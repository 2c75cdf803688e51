import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { atEnd } from '../../support/at-end.ts';
import { type Client, clientOf, NDJSON, ndjson } from '../../support/client.ts';
import { eventually } from '../../support/eventually.ts';
import { Front } from '../../support/front.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { type System, startSystem } from '../../support/system.ts';

type Part = Readonly<Record<string, unknown>>;

/** Two of each role on one broker and one store, each on a port and a data directory of its own, and the address before them. */
interface Split {
  readonly intake: readonly System[];
  readonly loader: readonly System[];
  readonly query: readonly System[];
  readonly front: Front;
  readonly client: Client;
  /** What a query process says of a broker in which nothing waits. */
  readonly noneInFlight: 0 | null;
}

const ROLES = ['intake', 'loader', 'query'] as const;

/**
 * The roles split over six processes: the same promises as in one.
 * @param noneInFlight null where only a loader can tell whether something waits
 */
export function splitCases(broker: Part, store: Part, noneInFlight: 0 | null = 0): void {
  let split: Split | null = null;
  before(async () => {
    split = { ...(await startSplit({ ...ORDERS_CONFIG, broker, store })), noneInFlight };
  });
  atEnd(async () => {
    await split?.front.close();
    await Promise.all(ROLES.flatMap((role) => split?.[role].map((system) => system.stop())));
  });
  const running = () => split ?? assert.fail('the split system does not run');
  flowCases(running);
  receiptCases(running);
  roleCases(running);
  faultCases(running);
}

async function startSplit(config: Part): Promise<Omit<Split, 'noneInFlight'>> {
  const systems: System[] = [];
  for (const role of ROLES) {
    // Two at once: both make the topology, or the tables, at the same time.
    const started = await Promise.allSettled([0, 1].map(() => startSystem({ config, roles: [role] })));
    systems.push(...started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])));
    const failed = started.find((each) => each.status === 'rejected');
    if (!failed) continue;
    await Promise.all(systems.map((system) => system.stop()));
    throw failed.reason;
  }
  const [intake, loader, query] = [0, 2, 4].map((at) => systems.slice(at, at + 2)) as [System[], System[], System[]];
  const urls = (of: readonly System[]) => of.map(({ url }) => url);
  const front = await Front.start({ intake: urls(intake), query: urls(query) });
  return { intake, loader, query, front, client: clientOf(front.url) };
}

/** Every query process gives the same sums, and they balance with nothing in flight. */
async function balanced({ query, noneInFlight }: Split, dataset: string, expected: Part): Promise<void> {
  for (const { url } of query) {
    await eventually(async () => {
      const { json } = await clientOf(url).get('/v1/conservation');
      const found = json.datasets.find((each: { dataset: string }) => each.dataset === dataset);
      assert.equal(json.balanced, true);
      assert.deepEqual(found, { dataset, in_flight: noneInFlight, balanced: true, duplicate: 0, dead: 0, ...expected });
    });
  }
}

async function storedBy(system: System, dataset: string): Promise<number> {
  const text = await (await system.get('/metrics')).text();
  const [, value = '0'] = new RegExp(`^azud_stored_total\\{dataset="${dataset}"\\} (\\d+)$`, 'm').exec(text) ?? [];
  return Number(value);
}

function flowCases(running: () => Split): void {
  test('what is sent to one address is shared by both loaders, and stored once', async () => {
    const split = running();
    let sent = 0;
    await eventually(async () => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          split.client.post('/v1/events/orders', ndjson([{ n: sent + n }, { n: sent + n }]), NDJSON),
        ),
      );
      assert.ok(answers.every(({ status }) => status === 202));
      sent += 40;
      for (const loader of split.loader)
        assert.ok((await storedBy(loader, 'orders')) > 0, 'a loader has nothing to do');
    });
    await balanced(split, 'orders', { accepted: sent, stored: sent });
    const shares = await Promise.all(split.loader.map((loader) => storedBy(loader, 'orders')));
    assert.equal(
      shares.reduce((sum, share) => sum + share, 0),
      sent,
    );
    assert.equal((await split.client.get('/v1/datasets/orders')).json.rows, sent);
  });

  test('pages go on at the other query process', async () => {
    const { client } = running();
    const { rows } = (await client.get('/v1/datasets/orders')).json;
    const ids = new Set<string>();
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await client.get(`/v1/datasets/orders/rows?limit=7${cursor ? `&cursor=${cursor}` : ''}`);
      assert.equal(page.status, 200, page.text);
      for (const row of page.json.data) ids.add(row._event_id);
      cursor = page.json.next;
    }
    assert.equal(ids.size, rows);
  });
}

function receiptCases(running: () => Split): void {
  test('a receipt tells of the bad row, whose dead letter is corrected, replayed and stored', async () => {
    const { client, query } = running();
    const posted = await client.post(
      '/v1/events/parcels',
      ndjson([
        { id: 'bad', n: 'x' },
        { id: 'good', n: 1 },
      ]),
      NDJSON,
    );
    assert.deepEqual([posted.status, posted.json.accepted, posted.json.rejected], [202, 1, 1]);
    const receiptAt = async (at: number, state: string) =>
      eventually(async () => {
        const answer = await clientOf(query[at]?.url ?? '').get(`/v1/transactions/${posted.json.transaction_id}`);
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.json.state, state);
        return answer.json;
      });
    const receipt = await receiptAt(0, 'partial');
    assert.deepEqual(receipt.counts, { accepted: 2, stored: 1, duplicate: 0, dead: 1, queued: 0 });
    const replayed = await client.post(`/v1/dead-letters/${receipt.dead_letters[0].id}/replay`, {
      event: { id: 'bad', n: 2 },
    });
    assert.ok([200, 202].includes(replayed.status), replayed.text);
    const after = await receiptAt(1, 'stored');
    assert.deepEqual(after.counts, { accepted: 2, stored: 2, duplicate: 0, dead: 0, queued: 0 });
    assert.equal((await client.get('/v1/dead-letters')).json.data.length, 0);
  });

  test('intake answers wait=stored at once: it has no receipts to wait for', async () => {
    const { client } = running();
    const { status, json } = await client.post('/v1/events/customers?wait=stored&timeout=60s', { id: 'a', visits: 1 });
    assert.deepEqual([status, json.state], [202, 'queued']);
    await eventually(async () => {
      assert.equal((await client.get('/v1/datasets/customers/rows/a')).json.visits, 1);
    });
  });
}

function roleCases(running: () => Split): void {
  const CHECKS = { intake: ['broker', 'disk'], loader: ['store', 'loader'], query: ['store'] } as const;
  for (const role of ROLES) {
    test(`${role} tells of itself alone: ready by its own checks, with its own metrics and the promise in force`, async () => {
      for (const system of running()[role]) {
        const ready = (await (await system.get('/readyz')).json()) as { ready: boolean; checks: { name: string }[] };
        assert.equal(ready.ready, true);
        assert.deepEqual(
          ready.checks.map(({ name }) => name),
          CHECKS[role],
        );
        const metrics = await (await system.get('/metrics')).text();
        for (const name of CHECKS[role]) {
          assert.match(metrics, new RegExp(`^azud_instance_healthy\\{role="${role}",check="${name}"\\} 1$`, 'm'));
        }
        assert.match(
          ((await (await system.get('/v1/durability')).json()) as { promise: string }).promise,
          /^acknowledged/,
        );
      }
    });
  }

  test('a process refuses what is the work of another role, and says whose', async () => {
    const { intake, loader, query } = running();
    const refused = async (answer: Promise<Response>, role: string) => {
      const { status } = await answer;
      assert.equal(status, 503);
      assert.match(((await (await answer).json()) as { hint: string }).hint, new RegExp(`role ${role}`));
    };
    for (const system of [...intake, ...loader]) await refused(system.get('/v1/datasets/orders/rows'), 'query');
    for (const system of [...query, ...loader]) await refused(system.post('/v1/events/orders', '{"n":1}'), 'intake');
  });
}

function faultCases(running: () => Split): void {
  test('kill -9 of an intake and of a loader under load: every event once, and each comes back', async () => {
    const split = running();
    const [intake, loader] = [split.intake[0], split.loader[0]];
    assert.ok(intake && loader);
    const total = 400;
    const { stored: before } = await sumsOf(split.client, 'parcels');
    const sender = async (from: number) => {
      for (let n = from; n < total; n += 4) {
        if (n === 100) await intake.crash();
        if (n === 200) await loader.crash();
        const parcel = { id: `p-${n}`, n };
        // An event that got no answer is sent again under its key, as any client would.
        await eventually(async () => {
          const { status } = await split.client.post('/v1/events/parcels', parcel, {
            'idempotency-key': `parcel-${n}`,
          });
          assert.equal(status, 202);
        });
      }
    };
    await Promise.all([0, 1, 2, 3].map(sender));
    await eventually(async () => {
      const sums = await sumsOf(split.client, 'parcels');
      assert.deepEqual([sums.stored, sums.dead, sums.balanced], [before + total, 0, true]);
      assert.equal(sums.in_flight, split.noneInFlight);
    });
    await Promise.all([intake.start(), loader.start()]);
    const { status } = await split.client.post('/v1/events/parcels', { id: 'after' });
    assert.equal(status, 202);
    await eventually(async () => assert.equal((await sumsOf(split.client, 'parcels')).stored, before + total + 1));
  });

  test('SIGTERM drains each: what was accepted is stored, and all end with 0', async () => {
    const split = running();
    const { stored } = await sumsOf(split.client, 'customers');
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => split.client.post('/v1/events/customers', { id: `c-${n}` })),
    );
    assert.ok(answers.every(({ status }) => status === 202));
    assert.deepEqual(await Promise.all(split.intake.map((system) => system.terminate())), [0, 0]);
    assert.equal(await split.loader[0]?.terminate(), 0);
    // What the first had in hand and had not written, the other takes over.
    await eventually(async () => assert.equal((await sumsOf(split.client, 'customers')).stored, stored + 40));
    assert.equal(await split.loader[1]?.terminate(), 0);
    assert.deepEqual(await Promise.all(split.query.map((system) => system.terminate())), [0, 0]);
  });
}

interface Sums {
  readonly stored: number;
  readonly dead: number;
  readonly in_flight: number | null;
  readonly balanced: boolean;
}

async function sumsOf(client: Client, dataset: string): Promise<Sums> {
  const { json } = await client.get('/v1/conservation');
  return json.datasets.find((each: { dataset: string }) => each.dataset === dataset);
}
