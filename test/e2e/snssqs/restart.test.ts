import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Client, clientOf } from '../../support/client.ts';
import { eventually } from '../../support/eventually.ts';
import { FAUXQS_ACCESS, Fauxqs } from '../../support/fauxqs.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { type System, startSystem } from '../../support/system.ts';

let server: Fauxqs;
let system: System;
let client: Client;

before(async () => {
  server = await Fauxqs.start();
  const broker = {
    kind: 'snssqs',
    ...FAUXQS_ACCESS,
    endpoint: server.endpoint,
    wait_seconds: 1,
    visibility_seconds: 2,
  };
  system = await startSystem({ config: { ...ORDERS_CONFIG, broker } });
  client = clientOf(system.url);
});
after(async () => {
  await system?.stop();
  await server?.stop();
});

test('kill -9 of the server of SQS under load: every answered event is stored once, and the system goes on by itself', async () => {
  let answered = 0;
  const parcel = (n: number) => client.post('/v1/events/parcels', { id: `p-${n}`, n });
  const sender = async (from: number) => {
    for (let n = from; n < 400; n += 8) {
      if (n === 200) await server.crash();
      const { status } = await parcel(n);
      assert.ok([202, 503].includes(status), `status ${status}`);
      if (status === 202) answered += 1;
      // An unanswered event is sent again under its id, as any client would.
      else await eventually(async () => assert.equal((await parcel(n)).status, 202));
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, from) => sender(from)));
  assert.ok(answered > 300, `${answered} of 400 were taken at the first try`);
  await eventually(async () => {
    assert.equal((await client.get('/v1/datasets/parcels')).json.rows, 400);
    const { balanced, datasets } = (await client.get('/v1/conservation')).json;
    const parcels = datasets.find((each: { dataset: string }) => each.dataset === 'parcels');
    assert.equal(balanced, true, JSON.stringify(parcels));
    assert.equal(parcels.in_flight, 0);
    assert.equal(parcels.stored, 400);
  });
  assert.match((await client.get('/v1/durability')).json.promise, /confirmed by the server at http/);
});
