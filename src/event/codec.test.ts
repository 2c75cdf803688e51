import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Batch, copyOf } from './batch.ts';
import { decodeBatch, encodeBatch } from './codec.ts';
import { UUID_BYTES, uuidText, uuidV7, uuidV7Pair } from './ids.ts';

const SINGLE: Batch = {
  id: uuidV7(1_760_000_000_000),
  dataset: 'flights',
  transactionId: uuidV7(1_760_000_000_001),
  receivedAt: 1_760_000_000_002,
  source: 'http',
  count: 1,
  lines: Buffer.from('{"flight":7}\n'),
  ids: null,
  rows: null,
  extras: false,
  rejects: [],
  replays: null,
  discards: [],
};

const reject = {
  ...{ id: uuidV7(0), row: 2, code: 'invalid_json', message: 'no JSON', path: '', eventId: null },
  original: Buffer.from([0xff, 0x0a]),
};

/** Each differs in one thing from a plain single event, which is kept in a form of its own. */
const OTHERS: readonly Partial<Batch>[] = [
  { source: 'poll' },
  { count: 2, lines: Buffer.from('{"flight":7}\n{"flight":8}\n') },
  { count: 0, lines: Buffer.alloc(0) },
  { ids: ['a'] },
  { rows: [3] },
  { extras: true },
  { rejects: [reject] },
  { replays: [uuidV7(0)] },
  { discards: [{ id: uuidV7(0), reason: 'a test' }] },
];

describe('the codec', () => {
  for (const other of [{}, ...OTHERS]) {
    test(`gives back a single event with ${JSON.stringify(Object.keys(other))} set otherwise`, () => {
      const batch = { ...SINGLE, ...other };
      assert.deepEqual(copyOf(decodeBatch(encodeBatch(batch))), batch);
    });
  }

  test('a message has the id that lies in the bytes of both, or a text that goes before them', () => {
    const uuids = uuidV7Pair(SINGLE.receivedAt);
    const transactionId = uuidText(uuids.bytes, uuids.at + UUID_BYTES);
    const message = encodeBatch({ ...SINGLE, id: null, transactionId, uuids });
    assert.equal(message.id, uuidText(uuids.bytes, uuids.at));
    assert.equal(message.uuids, uuids);
    // A part of a batch is a batch of its own.
    const part = encodeBatch({ ...SINGLE, transactionId, uuids });
    assert.equal(part.id, SINGLE.id);
    assert.equal(part.uuids, undefined);
  });

  test('a batch decoded once more from what it was encoded to stays the same', () => {
    const again = encodeBatch(copyOf(decodeBatch(encodeBatch(SINGLE))));
    assert.deepEqual(again, encodeBatch(SINGLE));
  });
});
