import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Positions, positionOf } from './byte.ts';

describe('positions in a text', () => {
  const text = Buffer.from('ab\ncd\n\nef');

  it('are lines and columns from 1', () => {
    const said = [0, 1, 2, 3, 5, 6, 7, 8].map((at) =>
      positionOf(text, at).replace(/line (\d+), column (\d+)/, '$1:$2'),
    );
    assert.deepEqual(said, ['1:1', '1:2', '1:3', '2:1', '2:3', '3:1', '4:1', '4:2']);
  });

  it('are found in one walk when asked in order, and anew when not', () => {
    let reads = 0;
    const counted = new Proxy(text, {
      get(target, name) {
        reads += 1;
        return Reflect.get(target, name) as unknown;
      },
    });
    const positions = new Positions();
    for (let at = 0; at <= text.length; at++) assert.equal(positions.of(counted, at), positionOf(text, at));
    assert.equal(reads, text.length);
    assert.equal(positions.of(counted, 1), 'line 1, column 2');
    assert.equal(positions.of(Buffer.from('\n\n'), 2), 'line 3, column 1');
  });
});
