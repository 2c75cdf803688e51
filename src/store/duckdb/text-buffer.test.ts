import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventIdAt } from '../../event/ids.ts';
import { TextBuffer } from './text-buffer.ts';

const textOf = (buffer: TextBuffer) => Buffer.from(buffer.bytes()).toString();

describe('a text buffer', () => {
  test('spells the ids that a transaction gives its lines, over every carry', () => {
    for (const last of ['0000000000ff', '00000000000e', 'fffffffffffd', '00009fffffff']) {
      const transaction = `0198f2a0-7c3b-7d11-9abc-${last}`;
      const buffer = new TextBuffer();
      buffer.addEventIds(transaction, 300);
      const expected = Array.from({ length: 300 }, (_, line) => eventIdAt(transaction, line));
      assert.deepEqual(textOf(buffer).split('\n'), expected);
    }
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
    buffer.addLines(Buffer.from('{"a":1}\n{"a":2}\n'));
    assert.equal(textOf(buffer), '\x1e{"a":1}\n{"a":2}');
  });
});
