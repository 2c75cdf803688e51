import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import type { BrokerDriver } from '../driver.ts';
import { makeMessage } from './messages.ts';

export interface DeadLetterQueue {
  /** A driver on a queue of its own, whose server puts a batch aside after two deliveries, or the fewest that it can count. */
  open(): Promise<BrokerDriver>;
  /** The id of a batch that lies aside; null while none does. */
  aside(): Promise<string | null>;
}

const RECEIVE = { messagesMax: 100, bytesMax: 1e6 };

/** For brokers whose server counts how often it gives a message. */
export function deadLetterQueueCase({ open, aside }: DeadLetterQueue): void {
  test('a batch that kills every loader is put aside by the server, and the others go on', async () => {
    const driver = await open();
    const receive = async (ms: number) => {
      const subscription = await driver.subscribe([]);
      const deliveries = await subscription.receive({ ...RECEIVE, signal: AbortSignal.timeout(ms) });
      await subscription.close();
      return deliveries.map(({ message }) => message.id);
    };
    const [poison, later] = [makeMessage(), makeMessage()];
    await driver.publish([poison]);
    const found = await eventually(async () => {
      await receive(1_000);
      return (await aside()) ?? assert.fail('it lies not aside yet');
    });
    assert.equal(found, poison.id);
    await driver.publish([later]);
    assert.deepEqual(await receive(20_000), [later.id]);
    await driver.close();
  });
}
