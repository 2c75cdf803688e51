import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { extraOf, membersOf } from './members.ts';

test('values keep the text they were sent in', () => {
  assert.deepEqual(membersOf(' { "a" : 1.50 ,"b":{"x": [1e2, "}"]}, "c\\u0041\\"":"\\\\", "d":null}'), [
    { name: 'a', raw: '1.50' },
    { name: 'b', raw: '{"x": [1e2, "}"]}' },
    { name: 'cA"', raw: '"\\\\"' },
    { name: 'd', raw: 'null' },
  ]);
  assert.deepEqual(membersOf('{}'), []);
});

test('any object is taken apart and put together again', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 2), (object, indent) => {
      const text = JSON.stringify(object, null, indent);
      const members = membersOf(text);
      assert.deepEqual(
        members.map(({ name }) => name),
        Object.keys(object),
      );
      for (const { name, raw } of members) assert.deepEqual(JSON.parse(raw), JSON.parse(JSON.stringify(object[name])));
      const extra = extraOf(members, new Set());
      assert.equal(extra === null, Object.keys(object).length === 0);
      if (extra !== null) assert.deepEqual(JSON.parse(extra), JSON.parse(text));
    }),
  );
});
