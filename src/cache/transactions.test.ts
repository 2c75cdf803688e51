import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheOver, counted } from '../../test/support/cache.ts';
import { makeMessage } from '../broker/conformance/messages.ts';
import { AzudError } from '../error/azud-error.ts';
import type { Message } from '../event/batch.ts';
import { systemClock } from '../lib/clock.ts';
import { CACHE_LIMITS } from '../limits.ts';
import { Metrics } from '../telemetry/metrics.ts';
import type { CacheEntry } from './driver.ts';
import { MemoryDriver } from './memory/driver.ts';
import { Transactions } from './transactions.ts';

/** A shared cache whose calls wait until they are let through. */
class Slow extends MemoryDriver {
  override readonly capabilities = { kind: 'slow', sharing: 'network', entryBytesMax: 1_000 } as const;
  readonly parts: number[] = [];
  gate = Promise.withResolvers<void>();

  override async add(entries: readonly CacheEntry[]): Promise<readonly Buffer[]> {
    this.parts.push(entries.length);
    await this.gate.promise;
    return super.add(entries);
  }
}

async function opened(driver: MemoryDriver) {
  const metrics = new Metrics();
  const cache = await cacheOver(driver, { timeoutMs: 60_000 });
  const letGo = () =>
    counted(metrics, 'azud_cache_errors_total', { kind: driver.capabilities.kind, operation: 'transactions' });
  return { transactions: new Transactions({ cache, ttlMs: 60_000, metrics }), letGo };
}

const messageOf = (more: Partial<Message> = {}): Message => ({ ...makeMessage({ count: 2 }), ...more });

test('a transaction is found at once by the process that took it in, with its events by dataset', async () => {
  const { transactions } = await opened(new MemoryDriver({ clock: systemClock }));
  const orders = messageOf({ dataset: 'orders', events: 3, time: 1_700_000_000_000 });
  const more = messageOf({ ...orders, dataset: 'customers', events: 1 });
  transactions.tell([orders, more]);
  const found = await transactions.find(orders.transactionId.toUpperCase());
  assert.deepEqual(found, {
    time: 1_700_000_000_000,
    events: new Map([
      ['orders', 3],
      ['customers', 1],
    ]),
  });
  assert.equal(await transactions.find(messageOf().transactionId), null);
});

test('of a transaction that is told twice the first telling stays', async () => {
  const { transactions } = await opened(new MemoryDriver({ clock: systemClock }));
  const message = messageOf({ dataset: 'orders', events: 3 });
  transactions.tell([message]);
  transactions.tell([{ ...message, events: 500 }]);
  await transactions.close();
  assert.equal((await transactions.find(message.transactionId))?.events.get('orders'), 3);
});

test('telling waits for nothing: while some are on their way the next ones gather, up to a bound', async () => {
  const driver = new Slow({ clock: systemClock, entriesMax: 1e6 });
  const { transactions, letGo } = await opened(driver);
  const [first, ...others] = Array.from({ length: CACHE_LIMITS.transactionsWaitingMax + 3 }, () => messageOf());
  assert.ok(first);
  transactions.tell([first]);
  for (const message of others) transactions.tell([message]);
  assert.deepEqual(driver.parts, [1]);
  assert.equal(await letGo(), 2);
  driver.gate.resolve();
  await transactions.close();
  assert.equal(Math.max(...driver.parts), CACHE_LIMITS.transactionsTold);
  assert.ok(await transactions.find(others[0]?.transactionId ?? ''));
  transactions.tell([messageOf()]);
  await transactions.close();
  assert.equal(driver.parts.at(-1), 1, 'and telling goes on');
});

test('what a cache that is away was told is let go and counted', async () => {
  const driver = new Slow({ clock: systemClock });
  const { transactions, letGo } = await opened(driver);
  driver.gate.reject(new AzudError('not-connected', 'away'));
  const message = messageOf();
  transactions.tell([message]);
  await transactions.close();
  assert.equal(await letGo(), 1);
  assert.equal(await transactions.find(message.transactionId), null);
});
