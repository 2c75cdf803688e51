import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { atEnd } from '../../support/at-end.ts';
import { type Client, clientOf } from '../../support/client.ts';
import { eventually } from '../../support/eventually.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { type System, startSystem } from '../../support/system.ts';

/** A broker's server of a file's own. */
interface OwnServer {
  /** kill -9, and the same server again on what lies on the disk. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

export interface RestartOptions<Server extends OwnServer> {
  /** What is killed, in words. */
  readonly what: string;
  start(): Promise<Server>;
  readonly broker: (server: Server) => Readonly<Record<string, unknown>>;
  /** Of `/v1/durability`. */
  readonly promise: RegExp;
}

const EVENTS = 400;
const SENDERS = 8;

/** The server behind the broker is killed while a whole system takes events in and loads them. */
export function restartCases<Server extends OwnServer>({ what, start, broker, promise }: RestartOptions<Server>): void {
  let server: Server;
  let system: System;
  let client: Client;
  before(async () => {
    server = await start();
    system = await startSystem({ config: { ...ORDERS_CONFIG, broker: broker(server) } });
    client = clientOf(system.url);
  });
  atEnd(() => server?.stop());
  atEnd(() => system?.stop());

  test(`kill -9 of ${what} under load: every answered event is stored once, and the system goes on by itself`, async () => {
    let answered = 0;
    const parcel = (n: number) => client.post('/v1/events/parcels', { id: `p-${n}`, n });
    const sender = async (from: number) => {
      for (let n = from; n < EVENTS; n += SENDERS) {
        if (n === EVENTS / 2) await server.crash();
        const { status } = await parcel(n);
        assert.ok([202, 503].includes(status), `status ${status}`);
        if (status === 202) answered += 1;
        // An unanswered event is sent again under its id, as any client would.
        else await eventually(async () => assert.equal((await parcel(n)).status, 202));
      }
    };
    await Promise.all(Array.from({ length: SENDERS }, (_, from) => sender(from)));
    assert.ok(answered > EVENTS * 0.75, `${answered} of ${EVENTS} were taken at the first try`);
    await eventually(async () => {
      assert.equal((await client.get('/v1/datasets/parcels')).json.rows, EVENTS);
      const { balanced, datasets } = (await client.get('/v1/conservation')).json;
      const parcels = datasets.find((each: { dataset: string }) => each.dataset === 'parcels');
      assert.equal(balanced, true, JSON.stringify(parcels));
      assert.equal(parcels.in_flight, 0);
      assert.equal(parcels.stored, EVENTS);
    });
    assert.match((await client.get('/v1/durability')).json.promise, promise);
  });
}
