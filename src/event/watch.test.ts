import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compilePattern } from './pattern.ts';
import { inTime, spend } from './watch.ts';

/** Longer than any limit. */
const TRAP = compilePattern('^(a+)+$');
const BAIT = `${'a'.repeat(60)}!`;

describe('checks in time', () => {
  it('answer what the run answers, with and without the watch', () => {
    for (const steps of [0, 10, Infinity])
      assert.equal(
        inTime(() => spend(steps) ?? 'done'),
        'done',
      );
  });

  it('run once where they take little, and again from the beginning under the watch where they may take long', () => {
    const runs = (steps: readonly number[]) => {
      let begun = 0;
      inTime(() => {
        begun += 1;
        for (const each of steps) spend(each);
      });
      return begun;
    };
    assert.equal(runs([1_000, 1_000]), 1);
    assert.equal(runs([1, Infinity]), 2);
    assert.equal(runs(Array.from({ length: 1_000 }, () => 1_000)), 2, 'many that take little are long together');
    assert.equal(runs([1_000, 1_000]), 1, 'the next begins with all of its steps');
  });

  it('end with too-large, and say that what they worked on is half done', () => {
    let stopped = 0;
    const stop = () =>
      inTime(
        () => TRAP.test(BAIT),
        () => (stopped += 1),
      );
    assert.throws(stop, { code: 'too-large' });
    assert.equal(stopped, 1);
    assert.equal(
      inTime(() => TRAP.test('aa')),
      true,
    );
  });

  it('throw what the run throws', () => {
    for (const steps of [0, Infinity]) {
      const run = () => {
        spend(steps);
        throw new RangeError('its own');
      };
      assert.throws(() => inTime(run, assert.fail), { name: 'RangeError', message: 'its own' });
    }
  });

  it('are refused outside', () => {
    assert.throws(() => TRAP.test('aa'), /outside of inTime/);
  });
});

describe('a pattern', () => {
  it('says what the regular expression says, watched or not', () => {
    for (const source of ['^[a-z]+$', '^[a-z0-9]+(-[a-z0-9]+)*$', '\\d+x', '^(?:\\w+\\s?){1,3}$', '^\\p{Lu}+$']) {
      const pattern = compilePattern(source);
      const expression = new RegExp(source, 'u');
      for (const text of ['', 'a', 'a-b-c', '-a', '12x', 'ab cd', 'ÁÉ', 'x'.repeat(2_000), `${'1'.repeat(1_500)}x`]) {
        const says = inTime(() => pattern.test(text));
        assert.equal(says, expression.test(text), `${source} ${text.slice(0, 20)}`);
      }
    }
    assert.throws(() => compilePattern('('), SyntaxError);
  });
});
