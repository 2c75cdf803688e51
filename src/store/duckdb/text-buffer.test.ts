import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventIdAt, uuidText, uuidV7 } from '../../event/ids.ts';
import { spanOf } from '../../event/span.ts';
import { TextBuffer } from './text-buffer.ts';

const textOf = (buffer: TextBuffer) => Buffer.from(buffer.bytes()).toString();

describe('a text buffer', () => {
  test('spells the ids that a transaction gives its lines, over every carry', () => {
    for (const last of ['0000000000ff', '00000000000e', 'fffffffffffd', '00009fffffff']) {
      const transaction = `0198f2a0-7c3b-7d11-9abc-${last}`;
      const buffer = new TextBuffer();
      buffer.addLine(transaction);
      buffer.toEventIds(300);
      const expected = Array.from({ length: 300 }, (_, line) => eventIdAt(transaction, line));
      assert.deepEqual(textOf(buffer).split('\n'), expected);
    }
  });

  test('spells UUIDs from their bytes, wherever they lie', () => {
    const uuids = Array.from({ length: 3_000 }, (_, at) => uuidV7(1_760_000_000_000 + at));
    const bytes = Buffer.concat([
      Buffer.alloc(5),
      ...uuids.map((uuid) => Buffer.from(uuid.replaceAll('-', ''), 'hex')),
    ]);
    const buffer = new TextBuffer();
    for (const n of uuids.keys()) buffer.addUuid({ bytes, at: 5 }, n);
    assert.deepEqual(textOf(buffer).split('\n'), uuids);
    assert.equal(uuidText(bytes, 5 + 16), uuids[1]);
  });

  test('writes a value that follows upon its like as often as it comes', () => {
    const buffer = new TextBuffer();
    const values = [0, 0, 1, 10, 10, '10', 'á', 'á', 'á', '', '', 'b', 1760000000000, 1760000000000];
    for (const value of values) buffer.addValue(value);
    buffer.addLine('apart');
    buffer.addValue(1760000000000);
    buffer.separate(0x1e);
    buffer.addValue(1760000000000);
    const texts = [...values, 'apart', 1760000000000].map(String);
    assert.equal(textOf(buffer), `${texts.join('\n')}\x1e1760000000000`);
    buffer.clear();
    for (let n = 0; n < 10_000; n += 1) buffer.addValue(1760000000000);
    assert.equal(textOf(buffer), Array.from({ length: 10_000 }, () => '1760000000000').join('\n'));
  });

  test('grows, keeps every character, and is empty after it is cleared', () => {
    const buffer = new TextBuffer();
    const lines = Array.from({ length: 20_000 }, (_, at) => `línea ${at} 🛫`);
    for (const line of lines) buffer.addLine(line);
    assert.deepEqual(textOf(buffer).split('\n'), lines);
    buffer.clear();
    assert.equal(buffer.bytes().length, 0);
    buffer.addLine('');
    buffer.separate(0x1e);
    buffer.addLines(spanOf(Buffer.from('{"a":1}\n{"a":2}\n')));
    assert.equal(textOf(buffer), '\x1e{"a":1}\n{"a":2}');
  });
});
