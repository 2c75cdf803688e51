import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pointer, topLevelName } from './pointer.ts';

describe('JSON Pointers', () => {
  it('are built with their escapes', () => {
    assert.equal(pointer(), '');
    assert.equal(pointer('a/b', 'c~d', 0), '/a~1b/c~0d/0');
  });

  it('name a top-level property, or none', () => {
    assert.equal(topLevelName('/id'), 'id');
    assert.equal(topLevelName('/a~1b~0c~01'), 'a/b~c~1');
    for (const text of ['', 'id', '/a/b', '/a~2']) assert.equal(topLevelName(text), null, text);
  });
});
