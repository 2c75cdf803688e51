import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { costOf, stepsOf } from './pattern-cost.ts';

describe('the cost of a pattern', () => {
  const COSTS: readonly (readonly [pattern: string, ways: number, degree: number])[] = [
    ['^[A-Z]{3}$', 1, 0],
    ['^[A-Z0-9]{2,8}$', 7, 0],
    ['^[^"\\]]*$', 1, 1],
    ['^(?:a|b)c?$', 4, 0],
    ['^\\p{L}+\\.\\u{1F600}$', 1, 1],
    ['^(?<year>\\d{4})-(?=\\d)\\d+$', 1, 1],
    ['^\\d+\\d+$', 1, 2],
    ['\\S+@\\S+\\.\\S+', 1, 4],
    ['abc', 1, 1],
    ['^a|b', 2, 1],
    ['^a$|^b*$', 2, 1],
    ['^(a+){2}$', 1, 2],
    ['^(a+)+$', Infinity, 0],
    ['^(a|aa)*$', Infinity, 0],
    ['^(a?){1,}$', Infinity, 0],
    ['^(a)\\1$', Infinity, 0],
    ['^(?<x>a)\\k<x>$', Infinity, 0],
    ['^\\(a+\\)+$', 1, 2],
    ['^[(](a)+[)|]$', 1, 1],
    ['^(([a-z]{1,10}){1,40})$', 2 * 10 ** 40, 0],
  ];
  for (const [pattern, ways, degree] of COSTS) {
    it(`of ${pattern}`, () => {
      assert.doesNotThrow(() => new RegExp(pattern, 'u'));
      assert.deepEqual(costOf(pattern), { ways, degree });
    });
  }

  it('is steps by the length of the text', () => {
    assert.equal(stepsOf({ ways: 3, degree: 2 }, 10), 300);
    assert.equal(stepsOf(costOf('^(a+)+$'), 1), Infinity);
  });
});
