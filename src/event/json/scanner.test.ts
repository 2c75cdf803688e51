import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AzudError, isAzudError } from '../../error/azud-error.ts';
import { JSON_LIMITS } from '../../limits.ts';
import { KIND } from './number.ts';
import { JsonScanner } from './scanner.ts';

const scanner = new JsonScanner(['id', 'delay']);

/** The code of the fault of a text, `ok` when there is none. */
function verdict(text: string | Buffer): string {
  const bytes = Buffer.from(text);
  try {
    scanner.expectEnd(bytes, scanner.read(bytes, 0, bytes.length), bytes.length);
    return scanner.fault?.code ?? 'ok';
  } catch (error) {
    if (isAzudError(error)) return error.code;
    throw error;
  }
}

const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
const manyKeys = (count: number) => `{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join(',')}}`;

describe('the JSON scanner', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{}', 'ok'],
    [' \t\r\n{ "a" : [ 1 , "x" , null , true , false , { } , [ ] ] } ', 'ok'],
    ['{"a":"\\u0000\\n\\"\\\\\\/\\ud83d\\ude00"}', 'ok'],
    ['{"hasOwnProperty":1,"toString":2,"then":3,"constructor":4,"prototype":5}', 'ok'],
    ['{"a":{"a":1},"b":{"a":2}}', 'ok'],
    ['{"a":-0,"b":1.0,"c":0.30000000000000004,"d":1E+2,"e":12345678901234567890}', 'ok'],
    ['{a', 'invalid-json'],
    ['{"a":1}x', 'invalid-json'],
    ['[1,]', 'invalid-json'],
    ['{"a":1,}', 'invalid-json'],
    ['{"a" 1}', 'invalid-json'],
    ['{"a":NaN}', 'invalid-json'],
    ["{'a':1}", 'invalid-json'],
    ['{"a":01}', 'invalid-json'],
    ['{"a":1.}', 'invalid-json'],
    ['{"a":.5}', 'invalid-json'],
    ['{"a":+1}', 'invalid-json'],
    ['{"a":1e}', 'invalid-json'],
    ['{"a":-}', 'invalid-json'],
    ['{"a":tru}', 'invalid-json'],
    ['{"a":"\\x"}', 'invalid-json'],
    ['{"a":"\\u12g4"}', 'invalid-json'],
    ['{"a":"x', 'invalid-json'],
    ['{"a":"\n"}', 'invalid-json'],
    ['{"a":"\\', 'invalid-json'],
    ['', 'invalid-json'],
    ['{"a":1,"a":2}', 'duplicate-key'],
    ['{"a":1,"\\u0061":2}', 'duplicate-key'],
    ['{"\\u0061":1,"a":2}', 'duplicate-key'],
    ['{"a":1,"b":{"a":2},"a":3}', 'duplicate-key'],
    ['{"x":[{"a":1},{"a":1,"a":2}]}', 'duplicate-key'],
    ['{"__proto__":1}', 'forbidden-key'],
    ['{"\\u005f\\u005fproto__":1}', 'forbidden-key'],
    ['{"a":{"__proto__":1}}', 'forbidden-key'],
    ['{"constructor":{"prototype":{}}}', 'forbidden-key'],
    ['{"a":{"constructor":{"x":1,"prototype":{}}}}', 'forbidden-key'],
    ['{"_id":1}', 'reserved-key'],
    ['{"a":{"_id":1}}', 'ok'],
    ['{"":1}', 'invalid-key'],
    ['{"a\\u0000":1}', 'invalid-key'],
    ['{"a\\n":1}', 'invalid-key'],
    [`{"${'k'.repeat(JSON_LIMITS.keyBytesMax)}":1}`, 'ok'],
    [`{"${'k'.repeat(JSON_LIMITS.keyBytesMax + 1)}":1}`, 'invalid-key'],
    [`{"${'k'.repeat(1 << 20)}":1}`, 'invalid-key'],
    ['{"a":"\\ud800"}', 'invalid-unicode'],
    ['{"a":"\\udc00"}', 'invalid-unicode'],
    ['{"a":"\\ud800x"}', 'invalid-unicode'],
    ['{"a":"\\ud800\\n\\udc00"}', 'invalid-unicode'],
    ['{"a":"\\ud800\\ud800\\udc00"}', 'invalid-unicode'],
    ['{"\\ud800":1}', 'invalid-unicode'],
    ['{"a":1e400}', 'number-range'],
    ['{"a":-1e400}', 'number-range'],
    ['{"a":1e-400}', 'number-range'],
    ['{"a":0e-400}', 'ok'],
    [`{"a":${'9'.repeat(JSON_LIMITS.numberDigitsMax)}}`, 'ok'],
    [`{"a":${'9'.repeat(JSON_LIMITS.numberDigitsMax + 1)}}`, 'number-range'],
    [`{"a":${'9'.repeat(900_000)}}`, 'number-range'],
    [nested(JSON_LIMITS.depthMax), 'ok'],
    [nested(JSON_LIMITS.depthMax + 1), 'too-deep'],
    [nested(5_000), 'too-deep'],
    ['['.repeat(500_000), 'too-deep'],
    [manyKeys(JSON_LIMITS.keysMax), 'ok'],
    [manyKeys(JSON_LIMITS.keysMax + 1), 'too-many-keys'],
    [manyKeys(100_000), 'too-many-keys'],
  ];
  for (const [text, expected] of cases) {
    it(`says ${expected} of ${text.slice(0, 60)}`, () => {
      assert.equal(verdict(text), expected);
      // Again, now that the keys are known and expected.
      assert.equal(verdict(text), expected);
    });
  }

  it('gives the line and column of a fault', () => {
    const bytes = Buffer.from('{"a":1,\n "b":x}');
    assert.throws(
      () => scanner.read(bytes, 0, bytes.length),
      (error) => error instanceof AzudError && /found x at line 2, column 6/.test(error.message),
    );
  });

  it('goes on after a fault of meaning, so that the next event can be read', () => {
    const bytes = Buffer.from('{"a":1,"a":2}{"id":7}');
    const end = scanner.read(bytes, 0, bytes.length);
    assert.equal(scanner.fault?.code, 'duplicate-key');
    assert.equal(scanner.read(bytes, end, bytes.length), bytes.length);
    assert.equal(scanner.fault, null);
  });

  it('does not read past the end it is given', () => {
    for (const text of ['{"a":1}', '{"a":"x"}', '{"a":[1]}', '{"a":12}', '{"a":true}', '"ab"', '123']) {
      const bytes = Buffer.from(`${text}\n${text}`);
      assert.equal(scanner.read(bytes, 0, text.length), text.length);
      for (let to = 0; to < text.length; to++) {
        if (text === '123' && to > 0) continue;
        assert.throws(() => scanner.read(bytes, 0, to), { code: 'invalid-json' }, `${text} to ${to}`);
      }
    }
  });

  it('tells where each declared property lies, and of what kind it is', () => {
    const bytes = Buffer.from('{"delay": 12 ,"other":1,"id":"x"}');
    scanner.read(bytes, 0, bytes.length);
    assert.equal(scanner.undeclared, true);
    assert.deepEqual([...scanner.kinds], [KIND.STRING, KIND.INTEGER]);
    assert.equal(bytes.toString('utf8', scanner.starts[0], scanner.ends[0]), '"x"');
    assert.equal(bytes.toString('utf8', scanner.starts[1], scanner.ends[1]), '12');
    scanner.read(Buffer.from('{"id":1}'), 0, 8);
    assert.equal(scanner.has(0), true);
    assert.equal(scanner.has(1), false);
    assert.equal(scanner.undeclared, false);
  });

  it('stays right when events bring ever new keys', () => {
    for (let i = 0; i < 30; i++) {
      const keys = Array.from({ length: 1_500 }, (_, j) => `"n${i}_${j}":1`).join(',');
      assert.equal(verdict(`{${keys}}`), 'ok');
      assert.equal(verdict(`{${keys},"n${i}_77":1}`), 'duplicate-key');
      assert.equal(verdict('{"id":1,"id":2}'), 'duplicate-key');
    }
  });

  it('accepts exactly the JSON that JSON.parse accepts, less what is banned', () => {
    const damaged = fc
      .tuple(fc.json({ maxDepth: 4 }), fc.nat(), fc.nat(), fc.constantFrom(...'{}[]",:\\0123.eE-+tfn u\n'))
      .map(([text, at, cut, char]) => {
        const from = at % (text.length + 1);
        return text.slice(0, from) + (cut % 3 === 0 ? '' : char) + text.slice(from + (cut % 2));
      });
    fc.assert(
      fc.property(fc.oneof(fc.json({ maxDepth: 6 }), damaged), (text) => {
        const mine = verdict(text);
        assert.equal(mine === 'invalid-json', !parses(text), `${mine}: ${text}`);
      }),
      { numRuns: 5_000 },
    );
  });

  it('finds a key that stands twice wherever it is, and none where there is none', () => {
    const object = fc.uniqueArray(
      fc.string({ minLength: 1, unit: 'grapheme-ascii' }).filter((key) => !/^_/.test(key)),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(object, fc.nat(), (keys, at) => {
        const pairs = keys.map((key) => `${JSON.stringify(key)}:{"x":1}`);
        assert.equal(verdict(`{${pairs.join(',')}}`), 'ok');
        const again = pairs[at % pairs.length];
        assert.equal(verdict(`{${[...pairs, again].join(',')}}`), 'duplicate-key');
      }),
      { numRuns: 1_000 },
    );
  });
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
