import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeMessage } from '../conformance/messages.ts';
import { envelopeOf, messageOf, payloadBytesMax } from './envelope.ts';

const roundTrip = (message: ReturnType<typeof makeMessage>) => {
  const { body, attributes } = envelopeOf(message);
  return messageOf({ Body: body, MessageAttributes: attributes });
};

test('every byte comes back, and every fact', () => {
  const payload = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  for (const message of [makeMessage({ count: 3 }), { ...makeMessage(), payload }, { ...makeMessage(), time: -1 }]) {
    assert.deepEqual(roundTrip(message), message);
  }
});

test('a payload of the largest size fits, with the longest names there are', () => {
  const serviceBytesMax = 256 * 1024;
  const id = 'f'.repeat(36);
  const largest = {
    id,
    transactionId: id,
    dataset: 'd'.repeat(63),
    events: Number.MAX_SAFE_INTEGER,
    time: Number.MAX_SAFE_INTEGER,
    payload: Buffer.alloc(payloadBytesMax(serviceBytesMax), 0xff),
  };
  const { body, attributes, bytes } = envelopeOf(largest);
  const counted = body.length + 'dataset'.length + 'String'.length + attributes.dataset.StringValue.length;
  assert.ok(counted <= serviceBytesMax, `${counted} bytes`);
  assert.ok(bytes >= counted);
});

test('knows a message that is not ours', () => {
  const { body, attributes } = envelopeOf(makeMessage());
  for (const strange of [
    {},
    { Body: 'hello' },
    { Body: body },
    { Body: JSON.stringify({ Type: 'Notification', Message: body }), MessageAttributes: attributes },
  ]) {
    assert.equal(messageOf(strange), null);
  }
});
