import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { ndjson } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { type System, startSystem } from '../support/system.ts';

export interface LoadPlan {
  /** Sent in batches of up to 1,000. */
  readonly events: number;
  /** Open at the same time, each sending single events and waiting for each answer. */
  readonly connections: number;
  /** Single events sent by each connection. */
  readonly eventsEach: number;
  readonly say: (text: string) => void;
}

const BATCH = 1_000;

/**
 * Takes in the events in batches and, at the same time, single events over many connections; then every acknowledged
 * event must be in the store, and the sums must balance to the last one.
 */
export async function runLoad(plan: LoadPlan): Promise<void> {
  const azud = await startSystem({ config: ORDERS_CONFIG });
  try {
    const singles = plan.connections * plan.eventsEach;
    await Promise.all([sendBatches(azud, plan), sendSingles(azud, plan)]);
    const accepted = plan.events + singles;
    plan.say(`${accepted.toLocaleString('en')} events acknowledged; waiting until they are stored`);
    const orders = await eventually(() => settledOrders(azud), { timeoutMs: 300_000, intervalMs: 200 });
    assert.deepEqual(orders, {
      dataset: 'orders',
      accepted,
      stored: accepted,
      duplicate: 0,
      dead: 0,
      in_flight: 0,
      balanced: true,
    });
    const table = (await (await azud.get('/v1/datasets/orders')).json()) as { rows: number };
    assert.equal(table.rows, accepted);
    plan.say(`${accepted.toLocaleString('en')} stored, balanced`);
  } finally {
    await azud.stop();
  }
}

interface Sums {
  readonly dataset: string;
  readonly in_flight: number;
  readonly balanced: boolean;
}

/** @throws Error while something is in flight; what is not balanced at any moment fails at once */
async function settledOrders(azud: System): Promise<Sums> {
  const { datasets } = (await (await azud.get('/v1/conservation')).json()) as { datasets: readonly Sums[] };
  const orders = datasets.find(({ dataset }) => dataset === 'orders');
  assert.ok(orders?.balanced, 'the sums balance at every moment');
  if (orders.in_flight > 0) throw new Error(`${orders.in_flight} events are in flight`);
  return orders;
}

async function sendBatches(azud: System, { events, say }: LoadPlan): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < events) {
      const first = next;
      const count = Math.min(BATCH, events - first);
      next += count;
      const body = ndjson(Array.from({ length: count }, (_, i) => ({ n: first + i, customer: `c${i % 97}` })));
      await accepted(azud, body);
      if (first % 100_000 === 0)
        say(`${first.toLocaleString('en')} of ${events.toLocaleString('en')} events in batches`);
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
}

/** Sends until it is taken: a server that says 503 has kept nothing. */
async function accepted(azud: System, body: string): Promise<void> {
  for (;;) {
    const answer = await azud.post('/v1/events/orders', body, { 'content-type': 'application/x-ndjson' });
    const text = await answer.text();
    if (answer.status === 202) return;
    assert.equal(answer.status, 503, text);
  }
}

async function sendSingles(azud: System, { connections, eventsEach }: LoadPlan): Promise<void> {
  const port = Number(new URL(azud.url).port);
  await Promise.all(Array.from({ length: connections }, (_, n) => oneConnection(port, n, eventsEach)));
}

function oneConnection(port: number, n: number, events: number): Promise<void> {
  const body = JSON.stringify({ n });
  const head = `POST /v1/events/orders HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
  return new Promise((resolve, reject) => {
    let answered = 0;
    const socket = connect(port, '127.0.0.1', () => socket.write(`${head}\r\n\r\n${body}`));
    socket.setEncoding('latin1');
    let text = '';
    socket.on('data', (chunk: string) => {
      text += chunk;
      // The answer ends with its only nested list.
      if (!text.endsWith('"errors":[]}')) return;
      if (!text.startsWith('HTTP/1.1 202')) return void socket.destroy(new Error(text));
      text = '';
      answered += 1;
      if (answered < events) socket.write(`${head}\r\n\r\n${body}`);
      else socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => (answered === events ? resolve() : reject(new Error(`answered ${answered}: ${text}`))));
  });
}
