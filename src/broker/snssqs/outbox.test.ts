import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScriptedAws, type SentCommand, type SentEntry } from '../../../test/support/aws.ts';
import { makeMessage } from '../conformance/messages.ts';
import type { PublishResult } from '../driver.ts';
import { envelopeOf } from './envelope.ts';
import { Outbox, type Target } from './outbox.ts';

const TARGET: Target = {
  queueUrl: 'http://sqs/1/q',
  topicArn: null,
  group: null,
  about: 'queue q',
  requestBytesMax: 1_000_000,
};

function entriesOf({ input }: SentCommand): readonly SentEntry[] {
  return input.Entries ?? input.PublishBatchRequestEntries ?? [];
}

const takeAll = (command: SentCommand) => ({ Successful: entriesOf(command).map(({ Id }) => ({ Id })) });
const codeOf = (result: PublishResult) => ('error' in result ? result.error.code : 'ok');

function publish(outbox: Outbox, count: number, textBytes = 16): Promise<PublishResult[]> {
  return Promise.all(Array.from({ length: count }, () => outbox.publish(makeMessage({ textBytes }))));
}

test('what is published together travels in requests of ten', async () => {
  const aws = new ScriptedAws(takeAll);
  const results = await publish(new Outbox(aws, TARGET), 25);
  assert.ok(results.every((result) => codeOf(result) === 'ok'));
  assert.deepEqual(
    aws.sent.map((command) => [command.name, entriesOf(command).length]),
    [
      ['SendMessageBatchCommand', 10],
      ['SendMessageBatchCommand', 10],
      ['SendMessageBatchCommand', 5],
    ],
  );
});

test('no request is larger than the service takes, nor is a message left out for it', async () => {
  const aws = new ScriptedAws(takeAll);
  await publish(new Outbox(aws, { ...TARGET, requestBytesMax: 10_000 }), 6, 3_000);
  // Base64 makes 4 KB of 3, and the attributes count too: two fit.
  assert.deepEqual(
    aws.sent.map((command) => entriesOf(command).length),
    [2, 2, 2],
  );
  await publish(new Outbox(aws, { ...TARGET, requestBytesMax: 100 }), 2);
  assert.equal(aws.sent.length, 5);
});

test('while all requests are under way what comes gathers for the next', async () => {
  const gate = Promise.withResolvers<void>();
  const aws = new ScriptedAws(async (command) => {
    await gate.promise;
    return takeAll(command);
  });
  const outbox = new Outbox(aws, TARGET);
  const alone = [];
  for (let n = 0; n < 16; n += 1) {
    alone.push(outbox.publish(makeMessage()));
    await Promise.resolve();
  }
  const together = publish(outbox, 9);
  await Promise.resolve();
  assert.equal(aws.sent.length, 16);
  gate.resolve();
  await Promise.all([...alone, together]);
  assert.deepEqual(
    aws.sent.slice(16).map((command) => entriesOf(command).length),
    [9],
  );
});

test('each message of a request has its own result', async () => {
  const failures = [
    { Id: '1', Code: 'InternalError', Message: 'later', SenderFault: false },
    { Id: '2', Code: 'ThrottlingException', Message: 'Rate exceeded', SenderFault: true },
    { Id: '3', Code: 'InvalidMessageContents', Message: 'no', SenderFault: true },
    { Id: '4', Code: 'AccessDenied', Message: 'no', SenderFault: true },
  ];
  const aws = new ScriptedAws(() => ({ Successful: [{ Id: '0' }], Failed: failures }));
  const results = await publish(new Outbox(aws, TARGET), 6);
  // The last is not spoken of at all: nobody knows whether it was taken.
  assert.deepEqual(results.map(codeOf), [
    'ok',
    'not-connected',
    'overloaded',
    'unavailable',
    'access-denied',
    'not-connected',
  ]);
});

test('a request that fails tells every message of it, and the next goes on', async () => {
  let calls = 0;
  const aws = new ScriptedAws((command) => {
    calls += 1;
    if (calls > 1) return takeAll(command);
    throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  });
  const outbox = new Outbox(aws, TARGET);
  assert.deepEqual((await publish(outbox, 2)).map(codeOf), ['not-connected', 'not-connected']);
  assert.deepEqual((await publish(outbox, 1)).map(codeOf), ['ok']);
});

test('a topic is published to, and a FIFO one is told group and id', async () => {
  const aws = new ScriptedAws(takeAll);
  const message = makeMessage({ dataset: 'orders' });
  for (const group of [null, 'batch', 'dataset'] as const) {
    await new Outbox(aws, { ...TARGET, topicArn: 'arn:aws:sns:r:1:t', group }).publish(message);
  }
  assert.deepEqual(
    aws
      .inputs('PublishBatchCommand')
      .map(({ PublishBatchRequestEntries: [entry] = [] }) => [
        entry?.Message,
        entry?.MessageGroupId,
        entry?.MessageDeduplicationId,
      ]),
    [
      [envelopeOf(message).body, undefined, undefined],
      [envelopeOf(message).body, message.id, message.id],
      [envelopeOf(message).body, 'orders', message.id],
    ],
  );
});

test('a FIFO queue that keeps order has one request under way', async () => {
  let underWay = 0;
  const aws = new ScriptedAws(async (command) => {
    underWay += 1;
    assert.equal(underWay, 1);
    await Promise.resolve();
    underWay -= 1;
    return takeAll(command);
  });
  await publish(new Outbox(aws, { ...TARGET, group: 'dataset' }), 30);
  assert.equal(aws.sent.length, 3);
});
