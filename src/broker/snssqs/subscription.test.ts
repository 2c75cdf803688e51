import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ScriptedAws, type SentCommand } from '../../../test/support/aws.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { isAzudError } from '../../error/azud-error.ts';
import type { Message } from '../../event/batch.ts';
import type { Clock } from '../../lib/clock.ts';
import { makeMessage } from '../conformance/messages.ts';
import { envelopeOf } from './envelope.ts';
import { SqsSubscription, type SubscriptionOptions } from './subscription.ts';

/** Time that passes when the test says so. */
class SetClock implements Clock {
  #at = 0;
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();
  now = () => this.#at;
  monotonic = () => this.#at;
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = { until: this.#at + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  pass(ms: number): void {
    this.#at += ms;
    for (const sleeper of this.#sleepers) {
      if (sleeper.until > this.#at) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}

/** A queue: receives give what waits, and hang when nothing does; the rest is the test's. */
class ScriptedQueue {
  readonly clock = new SetClock();
  readonly aws: ScriptedAws;
  readonly waiting: Message[] = [];
  readonly subscription: SqsSubscription;
  answer: (command: SentCommand) => unknown = () => ({ Successful: [], Failed: [] });
  #receipts = 0;

  constructor(messages: readonly Message[], options: Partial<SubscriptionOptions> = {}) {
    this.waiting.push(...messages);
    this.aws = new ScriptedAws((command) =>
      command.name === 'ReceiveMessageCommand'
        ? this.#receive(command.input.MaxNumberOfMessages ?? 1)
        : this.answer(command),
    );
    this.subscription = new SqsSubscription({
      aws: this.aws,
      queueUrl: 'http://sqs/1/q',
      about: 'queue q',
      waitSeconds: 20,
      visibilitySeconds: 30,
      prefetch: 100,
      clock: this.clock,
      onClose: () => {},
      ...options,
    });
  }

  async take(count: number) {
    const signal = AbortSignal.timeout(10_000);
    const deliveries = [];
    while (deliveries.length < count) {
      deliveries.push(
        ...(await this.subscription.receive({ messagesMax: count - deliveries.length, bytesMax: 1e6, signal })),
      );
    }
    return deliveries;
  }

  /** Receipts of the entries of the commands of one kind, `handle` or `handle=seconds`. */
  entries(name: string): string[] {
    return this.aws
      .inputs(name)
      .flatMap(({ Entries = [] }) => Entries)
      .map(({ ReceiptHandle, VisibilityTimeout }) =>
        VisibilityTimeout === undefined ? `${ReceiptHandle}` : `${ReceiptHandle}=${VisibilityTimeout}`,
      );
  }

  #receive(count: number): unknown {
    const messages = this.waiting.splice(0, count);
    if (messages.length === 0) return new Promise(() => {});
    return {
      Messages: messages.map((message) => {
        const { body, attributes } = envelopeOf(message);
        this.#receipts += 1;
        return { Body: body, MessageAttributes: attributes, ReceiptHandle: `r${this.#receipts}` };
      }),
    };
  }
}

const messages = (count: number) => Array.from({ length: count }, () => makeMessage());

describe('a subscription of snssqs', () => {
  test('keeps hidden what is held for long, and leaves the rest alone', async () => {
    const queue = new ScriptedQueue(messages(3));
    const deliveries = await queue.take(3);
    queue.clock.pass(10_000);
    await queue.subscription.ack(deliveries.slice(0, 1));
    assert.deepEqual(queue.entries('ChangeMessageVisibilityBatchCommand'), []);
    queue.clock.pass(10_000);
    await eventually(() => assert.deepEqual(queue.entries('ChangeMessageVisibilityBatchCommand'), ['r2=30', 'r3=30']));
    await queue.subscription.close();
  });

  test('forgets what SQS has given to another: it is neither extended, nor acked, nor given back', async () => {
    const queue = new ScriptedQueue(messages(2));
    const deliveries = await queue.take(2);
    queue.answer = () => ({ Failed: [{ Id: '0', Code: 'ReceiptHandleIsInvalid', SenderFault: true }] });
    for (const _ of [1, 2]) queue.clock.pass(15_000);
    await eventually(() => assert.equal(queue.entries('ChangeMessageVisibilityBatchCommand').length, 2));
    queue.answer = () => ({});
    await queue.subscription.ack(deliveries);
    assert.deepEqual(queue.entries('DeleteMessageBatchCommand'), ['r2']);
    await queue.subscription.close();
    assert.equal(queue.entries('ChangeMessageVisibilityBatchCommand').length, 2);
  });

  test('a heartbeat that fails is made up for by the next', async () => {
    const queue = new ScriptedQueue(messages(1));
    await queue.take(1);
    queue.answer = () => Promise.reject(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }));
    queue.clock.pass(15_000);
    await eventually(() => assert.equal(queue.entries('ChangeMessageVisibilityBatchCommand').length, 1));
    queue.answer = () => ({});
    await eventually(() => {
      queue.clock.pass(1_000);
      assert.equal(queue.entries('ChangeMessageVisibilityBatchCommand').length, 2);
    });
    await queue.subscription.close();
  });

  test('acks that SQS did not take are told, may be given again, and the others are done', async () => {
    const queue = new ScriptedQueue(messages(12));
    const deliveries = await queue.take(12);
    queue.answer = ({ input }) => ({
      Failed: input.Entries?.filter(({ ReceiptHandle }) => ReceiptHandle === 'r3').map(({ Id }) => ({
        Id,
        Code: 'InternalError',
        Message: 'try again',
        SenderFault: false,
      })),
    });
    await assert.rejects(queue.subscription.ack(deliveries), (error) => {
      assert.ok(isAzudError(error, 'unavailable'));
      assert.match(error.message, /queue q did not take 1 acks: InternalError: try again/);
      return true;
    });
    queue.answer = () => ({});
    await queue.subscription.ack(deliveries);
    assert.equal(queue.entries('DeleteMessageBatchCommand').length, 13);
    assert.equal(queue.entries('DeleteMessageBatchCommand').at(-1), 'r3');
    await queue.subscription.close();
  });

  test('holds no more than its prefetch, and asks for more when there is room', async () => {
    const queue = new ScriptedQueue(messages(40), { prefetch: 25 });
    const deliveries = await queue.take(25);
    assert.equal(queue.waiting.length, 15);
    await queue.subscription.ack(deliveries.slice(0, 4));
    assert.equal((await queue.take(4)).length, 4);
    assert.equal(queue.waiting.length, 11);
    await queue.subscription.close();
  });

  test('asks with one receive at an empty queue, with several at a full one', async () => {
    const queue = new ScriptedQueue([], { prefetch: 1_000 });
    const receives = () => queue.aws.inputs('ReceiveMessageCommand').length;
    assert.equal(receives(), 1);
    await queue.subscription.close();
    const full = new ScriptedQueue(messages(100), { prefetch: 1_000 });
    await full.take(100);
    // Ten that were full, and all that a full queue is worth are waiting for more.
    await eventually(() => assert.equal(full.aws.inputs('ReceiveMessageCommand').length, 10 + 8));
    await full.subscription.close();
  });

  test('stops asking while much has arrived that nobody takes', async () => {
    const large = Array.from({ length: 60 }, () => makeMessage({ textBytes: 1024 * 1024 }));
    const queue = new ScriptedQueue(large, { prefetch: 1_000 });
    await eventually(() => assert.ok(queue.waiting.length < 50));
    const left = queue.waiting.length;
    await queue.subscription.receive({ messagesMax: 1, bytesMax: 1, signal: AbortSignal.timeout(10_000) });
    assert.ok(left > 0 && queue.waiting.length === left, `${left} were left, then ${queue.waiting.length}`);
    await queue.subscription.close();
  });

  test('gives back what it holds when it is closed, given out or not', async () => {
    const queue = new ScriptedQueue(messages(3));
    const [delivery] = await queue.take(1);
    assert.ok(delivery);
    await queue.subscription.nack([delivery], 5_000);
    await queue.subscription.close();
    assert.deepEqual(queue.entries('ChangeMessageVisibilityBatchCommand'), ['r1=0', 'r2=0', 'r3=0']);
    const signal = AbortSignal.timeout(10_000);
    await assert.rejects(queue.subscription.receive({ messagesMax: 1, bytesMax: 1, signal }), {
      code: 'not-connected',
    });
  });
});
