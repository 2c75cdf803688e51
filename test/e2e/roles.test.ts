import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { refusedStart } from '../support/system.ts';

test('one role on the embedded log and database is refused at the start, with the reason and the remedy', async () => {
  const { code, words } = await refusedStart({ config: ORDERS_CONFIG, roles: ['loader'] });
  assert.equal(code, 2);
  assert.match(words, /the log broker and the duckdb store live inside one process tree: loader cannot run apart/);
  assert.match(words, /Run azud start without --role, or choose a broker and a store shared over the network\./);
});
