import assert from 'node:assert/strict';
import { NDJSON, ndjson } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { asSuperuser, Cluster } from '../support/postgres.ts';
import { type System, startSystem } from '../support/system.ts';
import { Progress } from './progress.ts';
import { BROKERS, type ScaleBroker, type ScaleBrokerName } from './worlds.ts';

export interface ScalePlan {
  readonly broker: ScaleBrokerName;
  readonly events: number;
  /** Events of a request, which becomes a message. */
  readonly batch: number;
  readonly say: (text: string) => void;
}

/** What came of the events; every number exact. */
export interface ScaleSums {
  readonly sent: number;
  /** Includes events of requests that were answered with an error, or not at all, and sent again. */
  readonly accepted: number;
  readonly stored: number;
  /** Different ids in the table, as PostgreSQL counts them. */
  readonly distinct: number;
  readonly duplicate: number;
  readonly dead: number;
  readonly inFlight: number;
  /** Messages that the broker gave again. */
  readonly redelivered: number;
}

const DATASET = 'readings';
const DATASETS = {
  [DATASET]: {
    event_id: '/id',
    schema: {
      type: 'object',
      required: ['id', 'n'],
      properties: { id: { type: 'string' }, n: { type: 'integer' }, place: { type: 'string' } },
    },
  },
};
const SENDERS = 4;
/** A server that is killed comes back in far less; nothing else may stand still for so long. */
const STANDSTILL_MS = 120_000;

/**
 * Events go through one intake, a broker that gives a tenth of its messages again, and two loaders into PostgreSQL; the
 * broker's server is killed after a third of them and PostgreSQL after two thirds. Then everything is counted.
 * @throws AssertionError when one event is missing, there twice, or not in the sums
 */
export async function runScale(plan: ScalePlan): Promise<ScaleSums> {
  const ending: (() => Promise<unknown>)[] = [];
  const use = async <T>(opened: Promise<T>, close: (opened: T) => Promise<unknown>): Promise<T> => {
    const it = await opened;
    ending.push(() => close(it));
    return it;
  };
  try {
    const broker = await use<ScaleBroker>(BROKERS[plan.broker](plan.events / plan.batch), (it) => it.stop());
    const cluster = await use(Cluster.start(), (it) => it.remove());
    const system = (roles: readonly string[], own: ScaleBroker['direct']) =>
      use(startSystem({ config: configOf(own, cluster), roles }), (it) => it.stop());
    const front = await system(['intake', 'query'], broker.direct);
    const loaders = [await system(['loader'], broker.lossy), await system(['loader'], broker.lossy)];
    return await measure({ plan, broker, cluster, front, loaders });
  } finally {
    for (const end of ending.toReversed()) await end();
  }
}

function configOf(broker: ScaleBroker['direct'], cluster: Cluster): Readonly<Record<string, unknown>> {
  const store = { kind: 'postgres', url: cluster.url };
  return { version: 1, datasets: DATASETS, broker, store, log: { level: 'error' } };
}

interface Stage {
  readonly plan: ScalePlan;
  readonly broker: ScaleBroker;
  readonly cluster: Cluster;
  readonly front: System;
  readonly loaders: readonly System[];
}

async function measure(stage: Stage): Promise<ScaleSums> {
  const { plan, broker, cluster, front, loaders } = stage;
  const progress = new Progress({ total: plan.events, say: plan.say });
  await sendAll(stage, (sent) => progress.sent(sent));
  const sums = await progress.until(() => sumsOf(front), STANDSTILL_MS);
  // A message whose ack was lost may still be on its way although its events are stored.
  await eventually(async () => assert.equal(await broker.waiting(), 0, 'messages wait'), { timeoutMs: STANDSTILL_MS });
  for (const loader of loaders) assert.equal(await loader.terminate(), 0, loader.logs);
  // What a loader held without our knowledge would be back in the queue now.
  assert.equal(await broker.waiting(), 0);
  const { stored, duplicate, dead, in_flight, accepted } = await eventually(() => settled(front));
  const [table] = await asSuperuser(
    `SELECT count(*)::int AS rows, count(DISTINCT _event_id)::int AS ids, sum(n)::bigint AS sum FROM azud.${DATASET}`,
    cluster.url,
  );
  const redelivered = broker.redelivered();
  assert.equal(stored, sums.stored, 'nothing is stored any more when everything is');
  assert.deepEqual(table, { rows: plan.events, ids: plan.events, sum: String((plan.events * (plan.events - 1)) / 2) });
  assert.equal(stored, plan.events);
  assert.equal(dead, 0);
  assert.equal(accepted, stored + duplicate, 'accepted = stored + duplicate + dead + in flight');
  const messages = plan.events / plan.batch;
  assert.ok(redelivered * 10 >= messages * 0.9, `${redelivered} of ${messages} messages came again`);
  return {
    sent: plan.events,
    accepted,
    stored,
    distinct: plan.events,
    duplicate,
    dead,
    inFlight: in_flight ?? -1,
    redelivered,
  };
}

/** Each request until it is taken: what an error left open is sent again under the same ids. */
async function sendAll({ plan, broker, cluster, front }: Stage, onSent: (sent: number) => void): Promise<void> {
  const { events, batch, say } = plan;
  let next = 0;
  let sent = 0;
  const faults = [
    { after: events / 3, name: `${plan.broker} is killed`, strike: () => broker.crash() },
    { after: (events * 2) / 3, name: 'PostgreSQL is killed', strike: () => restart(cluster) },
  ];
  const struck: Promise<void>[] = [];
  const sender = async () => {
    while (next < events) {
      const [first, end] = [next, Math.min(events, next + batch)];
      next = end;
      await taken(front, body(first, end));
      sent += end - first;
      onSent(sent);
      if (sent < (faults[0]?.after ?? Number.POSITIVE_INFINITY)) continue;
      const { name, strike } = faults.shift() ?? assert.fail();
      say(`${name} after ${sent.toLocaleString('en')} events`);
      struck.push(strike());
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  await Promise.all(struck);
  assert.equal(struck.length, 2, 'both servers were killed in the middle');
}

async function restart(cluster: Cluster): Promise<void> {
  await cluster.down('immediate');
  await cluster.up();
}

function body(first: number, end: number): string {
  return ndjson(Array.from({ length: end - first }, (_, i) => ({ id: `r-${first + i}`, n: first + i, place: 'weir' })));
}

async function taken(front: System, text: string): Promise<void> {
  await eventually(
    async () => {
      const answer = await front.post(`/v1/events/${DATASET}`, text, NDJSON);
      const said = await answer.text();
      if (answer.status === 202) return;
      // Anything but these says that the events themselves are refused.
      assert.ok([503, 507].includes(answer.status), said);
      throw new Error(said);
    },
    { timeoutMs: STANDSTILL_MS, intervalMs: 250 },
  );
}

interface Sums {
  readonly dataset: string;
  readonly accepted: number;
  readonly stored: number;
  readonly duplicate: number;
  readonly dead: number;
  readonly in_flight: number | null;
  readonly balanced: boolean;
}

/** @throws Error while the store is away */
async function sumsOf(front: System): Promise<Sums> {
  const answer = await front.get('/v1/conservation');
  if (!answer.ok) throw new Error(await answer.text());
  const { datasets } = (await answer.json()) as { datasets: readonly Sums[] };
  const found = datasets.find(({ dataset }) => dataset === DATASET) ?? assert.fail(`${DATASET} has no sums`);
  assert.ok(found.balanced, `the sums do not balance: ${JSON.stringify(found)}`);
  return found;
}

async function settled(front: System): Promise<Sums> {
  const found = await sumsOf(front);
  if (found.in_flight !== 0) throw new Error(`${found.in_flight} events are in flight`);
  return found;
}
