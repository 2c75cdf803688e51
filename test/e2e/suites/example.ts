import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Client, clientOf, NDJSON, ndjson } from '../../support/client.ts';
import { eventually } from '../../support/eventually.ts';
import { startExample } from '../../support/examples.ts';
import { runSnippet, snippetsOf } from '../../support/snippets.ts';
import type { System, SystemOptions } from '../../support/system.ts';

/** The examples that take in orders: the same calls, whatever broker and store they show. `env` says where those are. */
export function orderExampleCases(name: string, env: SystemOptions['env']): void {
  describe(`the example ${name}`, () => {
    let system: System;
    let client: Client;
    before(async () => {
      system = await startExample(name, env);
      client = clientOf(system.url);
    });
    after(() => system?.stop());

    test('does what the calls of its README say', async () => {
      const snippets = snippetsOf(`examples/${name}/README.md`);
      assert.ok(snippets.length > 0);
      const printed = [];
      for (const snippet of snippets) printed.push(await runSnippet(snippet, system.url));
      const said = printed.join('');
      assert.match(said, /"state":\s*"stored"/);
      assert.match(said, /"customer":\s*"Ana"/);
      assert.match(said, /"balanced":\s*true/);
    });

    test('stores orders that are sent twice once, and the sums balance', async () => {
      const order = (n: number) => ({ id: `b-${n}`, customer: 'Bea', amount: n, placed_at: '2026-03-02T08:00:00Z' });
      const orders = Array.from({ length: 500 }, (_, n) => order(n));
      for (const part of [orders, orders.slice(100, 300)]) {
        assert.equal((await client.post('/v1/events/orders', ndjson(part), NDJSON)).status, 202);
      }
      await eventually(async () => {
        const { json } = await client.get('/v1/endpoints/orders_by_customer?customer=Bea');
        assert.deepEqual([Number(json.orders), Number(json.amount)], [500, 124_750]);
        const { balanced, datasets } = (await client.get('/v1/conservation')).json;
        assert.equal(balanced, true);
        assert.deepEqual([datasets[0].stored, datasets[0].duplicate, datasets[0].in_flight], [501, 200, 0]);
      });
      assert.equal((await client.get('/v1/endpoints/orders_by_customer?customer=Nobody')).status, 404);
    });
  });
}
