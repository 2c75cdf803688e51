import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isAzudError } from '../../error/azud-error.ts';
import type { Message } from '../../event/batch.ts';
import { UUID_BYTES, uuidText, uuidV7Pair } from '../../event/ids.ts';
import { makeMessage } from '../conformance/messages.ts';
import {
  assertEncodable,
  checkRecord,
  decodeRecord,
  encodeRecord,
  groupFirstOf,
  offsetOf,
  recordBytes,
} from './record.ts';

const messages: fc.Arbitrary<Message> = fc.record(
  {
    id: fc.uuid(),
    dataset: fc.oneof(fc.stringMatching(/^[a-z][a-z0-9_]{0,62}$/), fc.string({ unit: 'grapheme', maxLength: 20 })),
    transactionId: fc.uuid(),
    events: fc.nat(1_000_000),
    time: fc.maxSafeNat(),
    payload: fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
);

function encode(message: Message, offset = 7, groupFirst = 5): Buffer {
  const buffer = Buffer.alloc(recordBytes(message));
  assert.equal(encodeRecord(message, buffer, { at: 0, offset, groupFirst }), buffer.length);
  return buffer;
}

test('a record gives back every message exactly, wherever it stands', () => {
  fc.assert(
    fc.property(messages, fc.maxSafeNat(), fc.nat(10_000), fc.nat(50), (message, groupFirst, n, at) => {
      const offset = Math.min(groupFirst + n, Number.MAX_SAFE_INTEGER);
      const buffer = Buffer.alloc(at + recordBytes(message) + 10, 0xee);
      const end = encodeRecord(message, buffer, { at, offset, groupFirst });
      assert.deepEqual(checkRecord(buffer, at, buffer.length), { state: 'whole', bytes: end - at });
      for (const likely of ['', message.dataset, message.dataset.toUpperCase(), `${message.dataset}_`]) {
        const { id, dataset, transactionId, events, time, payload } = decodeRecord(buffer, at, likely);
        assert.deepEqual({ id, dataset, transactionId, events, time, payload }, message);
      }
      assert.equal(offsetOf(buffer, at), offset);
      assert.equal(groupFirstOf(buffer, at), groupFirst);
    }),
  );
});

test('ids at hand as bytes give the same record as their texts', () => {
  const uuids = uuidV7Pair(1_760_000_000_000);
  const [id, transactionId] = [uuidText(uuids.bytes, uuids.at), uuidText(uuids.bytes, uuids.at + UUID_BYTES)];
  const message = { ...makeMessage(), id, transactionId };
  assert.deepEqual(encode({ ...message, uuids }), encode(message));
});

test('every flipped bit of a record is found', () => {
  const whole = encode(makeMessage());
  for (let bit = 0; bit < whole.length * 8; bit += 1) {
    const flipped = Buffer.from(whole);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.notEqual(checkRecord(flipped, 0, flipped.length).state, 'whole', `bit ${bit}`);
  }
});

test('a record that is cut short is never whole', () => {
  const whole = encode(makeMessage());
  for (let bytes = 0; bytes < whole.length; bytes += 1) {
    assert.equal(checkRecord(whole, 0, bytes).state, 'short', `${bytes} bytes`);
  }
});

test('a message whose id is no UUID is refused before it is encoded', () => {
  const message = { ...makeMessage(), transactionId: 'mine' };
  assert.throws(
    () => assertEncodable(message),
    (error) => isAzudError(error, 'internal'),
  );
});
