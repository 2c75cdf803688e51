import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseExact } from './exact-json.ts';
import { applyPatch, readPatch } from './json-patch.ts';

const patched = (document: string, patch: unknown) =>
  JSON.stringify(applyPatch(parseExact(document), readPatch(parseExact(JSON.stringify(patch)))));

/** Each copies the whole of what the ones before it made. */
const copies = (path: (n: number) => string) =>
  Array.from({ length: 18 }, (_, n) => ({ op: 'copy', from: '', path: path(n) }));

describe('a patch', () => {
  // Most are the examples of RFC 6902, appendix A.
  const APPLIED: readonly (readonly [string, unknown[], string])[] = [
    ['{"foo":"bar"}', [{ op: 'add', path: '/baz', value: 'qux' }], '{"foo":"bar","baz":"qux"}'],
    ['{"foo":["bar","baz"]}', [{ op: 'add', path: '/foo/1', value: 'qux' }], '{"foo":["bar","qux","baz"]}'],
    ['{"foo":["bar"]}', [{ op: 'add', path: '/foo/-', value: ['abc'] }], '{"foo":["bar",["abc"]]}'],
    ['{"foo":1}', [{ op: 'add', path: '/foo', value: 2 }], '{"foo":2}'],
    ['{"baz":"qux","foo":"bar"}', [{ op: 'remove', path: '/baz' }], '{"foo":"bar"}'],
    ['{"foo":["bar","qux"]}', [{ op: 'remove', path: '/foo/1' }], '{"foo":["bar"]}'],
    ['{"baz":"qux"}', [{ op: 'replace', path: '/baz', value: null }], '{"baz":null}'],
    ['{"foo":[1,2]}', [{ op: 'replace', path: '/foo/0', value: 3 }], '{"foo":[3,2]}'],
    ['{"a":{"b":1},"c":{}}', [{ op: 'move', from: '/a/b', path: '/c/d' }], '{"a":{},"c":{"d":1}}'],
    [
      '{"foo":["all","grass","cows","eat"]}',
      [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
      '{"foo":["all","cows","eat","grass"]}',
    ],
    [
      '{"a":{"b":[1]}}',
      [
        { op: 'copy', from: '/a', path: '/c' },
        { op: 'add', path: '/c/b/-', value: 2 },
      ],
      '{"a":{"b":[1]},"c":{"b":[1,2]}}',
    ],
    ['{"a":{"x":1,"y":[2]}}', [{ op: 'test', path: '/a', value: { y: [2], x: 1 } }], '{"a":{"x":1,"y":[2]}}'],
    [
      '{"a/b":1,"m~n":2}',
      [
        { op: 'replace', path: '/a~1b', value: 3 },
        { op: 'remove', path: '/m~0n' },
      ],
      '{"a/b":3}',
    ],
    ['{"a":1}', [{ op: 'replace', path: '', value: { b: 2 } }], '{"b":2}'],
    [
      '{"a":1.50,"b":12345678901234567890}',
      [{ op: 'move', from: '/b', path: '/c' }],
      '{"a":1.50,"c":12345678901234567890}',
    ],
  ];
  for (const [document, patch, expected] of APPLIED) {
    test(`makes ${document} ${expected}`, () => assert.equal(patched(document, patch), expected));
  }

  const REFUSED: readonly (readonly [string, unknown, RegExp])[] = [
    ['{}', {}, /must be an array/],
    ['{}', [1], /operation 0 is not an object/],
    ['{}', [{ op: 'set', path: '/a' }], /operation 0 has no op/],
    ['{}', [{ op: 'add', path: 'a', value: 1 }], /no valid path/],
    ['{}', [{ op: 'add', path: '/a~2', value: 1 }], /no valid path/],
    ['{}', [{ op: 'add', path: '/__proto__/x', value: 1 }], /no valid path/],
    ['{}', [{ op: 'add', path: '/a' }], /has no value/],
    ['{}', [{ op: 'move', path: '/a' }], /no valid from/],
    ['{}', [{ op: 'replace', path: '/a', value: 1 }], /nothing at \/a/],
    ['{}', [{ op: 'remove', path: '/toString' }], /nothing at \/toString/],
    ['{}', [{ op: 'add', path: '/a/b', value: 1 }], /nothing at \/a/],
    ['{"a":1}', [{ op: 'add', path: '/a/b', value: 1 }], /not within an object/],
    ['{"a":[1]}', [{ op: 'add', path: '/a/3', value: 1 }], /outside its array/],
    ['{"a":[1]}', [{ op: 'add', path: '/a/01', value: 1 }], /outside its array/],
    ['{"a":[1]}', [{ op: 'remove', path: '/a/-' }], /nothing at/],
    ['{"a":{"b":1}}', [{ op: 'move', from: '/a', path: '/a/b/c' }], /into itself/],
    ['{"a":"10"}', [{ op: 'test', path: '/a', value: 10 }], /the test of \/a fails/],
    ['{"a":12345678901234567890}', [{ op: 'test', path: '/a', value: 12345678901234567000 }], /fails/],
    ['{}', Array.from({ length: 101 }, () => ({ op: 'remove', path: '/a' })), /more than 100/],
    ['{"n":1}', copies((n) => `/k${n}`), /copies more than 262144 characters/],
    [`{"n":"${'x'.repeat(100_000)}"}`, copies((n) => `/k${n}`), /copies more than 262144 characters/],
    ['{}', copies((n) => '/a'.repeat(2 ** Math.min(n, 8))), /copies more than 32 levels/],
  ];
  for (const [document, patch, message] of REFUSED) {
    test(`is refused: ${JSON.stringify(patch).slice(0, 60)} on ${document}`, () => {
      assert.throws(() => patched(document, patch), { code: 'invalid-patch', message });
    });
  }

  test('leaves the document it was given as it is', () => {
    const document = { a: [1] };
    assert.throws(() =>
      applyPatch(
        document,
        readPatch([
          { op: 'add', path: '/a/-', value: 2 },
          { op: 'remove', path: '/b' },
        ]),
      ),
    );
    assert.deepEqual(document, { a: [1] });
  });
});
