import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { costOf, stepsOf } from './pattern-cost.ts';
import { Patterns } from './patterns.ts';

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

describe('patterns', () => {
  it('say what the regular expression says, watched or not', () => {
    const patterns = new Patterns();
    for (const source of ['^[a-z]+$', '^[a-z0-9]+(-[a-z0-9]+)*$', '\\d+x', '^(?:\\w+\\s?){1,3}$', '^\\p{Lu}+$']) {
      const pattern = patterns.compile(source);
      const expression = new RegExp(source, 'u');
      for (const text of ['', 'a', 'a-b-c', '-a', '12x', 'ab cd', 'ÁÉ', 'x'.repeat(2_000), `${'1'.repeat(1_500)}x`])
        assert.equal(pattern.test(text), expression.test(text), `${source} ${text.slice(0, 20)}`);
    }
    assert.throws(() => patterns.compile('('), SyntaxError);
  });

  it('have all of their time again for the next body', () => {
    const patterns = new Patterns();
    const trap = patterns.compile('^(a+)+$');
    assert.throws(() => trap.test(`${'a'.repeat(60)}!`), { code: 'too-large' });
    assert.throws(() => trap.test('aa'), { code: 'too-large' });
    patterns.begin();
    assert.equal(trap.test('aa'), true);
  });
});
