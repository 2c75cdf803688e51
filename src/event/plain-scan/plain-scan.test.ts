import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EVENT_SCHEMA, eventLine, eventLines } from '../../../bench/events.ts';
import { plainScanLaw } from '../../../test/fuzz/laws/plain-scan.ts';
import { endOf, isYes, scanOf } from '../../../test/support/plain-scan.ts';
import { PLAIN_SCAN_LIMITS } from '../../limits.ts';
import { KIND } from '../json/number.ts';
import { compileDataset, createValidator } from '../validator.ts';
import * as layout from './layout.ts';

describe('the plain scan', () => {
  it('says yes to every event of the benchmarks, and where it ends', () => {
    const scan = scanOf(EVENT_SCHEMA.properties, { required: EVENT_SCHEMA.required });
    const body = eventLines(0, 3_000);
    scan.begin(body);
    let count = 0;
    for (let from = 0; from < body.length; count += 1) {
      const end = scan.read(body, from, body.length);
      assert.equal(end, body.indexOf('\n', from));
      from = end + 1;
    }
    assert.equal(count, 3_000);
  });

  it('never says yes where the strict scanner, the plain check or Ajv does not', () => {
    let yes = 0;
    const law = plainScanLaw(() => {
      yes += 1;
    });
    fc.assert(law, { numRuns: 150 });
    assert.ok(yes > 250, `of 1,500 events it said yes to ${yes}`);
  });

  it('says where each value lies, and of what kind it is', () => {
    const scan = scanOf({ a: true, b: true, c: true, d: true, e: true, f: true });
    const event = Buffer.from(' {"b":"é","a":-1.50, "d" :true,"f":null,"c":12}');
    assert.equal(scan.read(event, 1, event.length), 0, 'nothing was begun');
    const plain = Buffer.from(event.toString().replace('" :', '":'));
    scan.begin(plain);
    assert.equal(scan.read(plain, 1, plain.length), plain.length);
    const { kinds, starts, ends } = scan.found;
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5].map((i) => [kinds[i], kinds[i] && plain.toString('utf8', starts[i], ends[i])]),
      [
        [KIND.FLOAT, '-1.50'],
        [KIND.STRING, '"é"'],
        [KIND.INTEGER, '12'],
        [KIND.BOOLEAN, 'true'],
        [0, 0],
        [KIND.NULL, 'null'],
      ],
    );
  });

  it('is not sure of an event that is cut at any byte, whatever stood in its memory before', () => {
    const scan = scanOf(EVENT_SCHEMA.properties);
    const event = Buffer.from(eventLine(7));
    for (let length = 0; length < event.length; length += 1) {
      assert.ok(isYes(scan, event));
      assert.equal(endOf(scan, event.subarray(0, length)), 0, `cut at ${length}`);
      scan.begin(event);
      assert.equal(scan.read(event, 0, length), 0, `cut at ${length} by its end`);
    }
  });

  it('tells keys from their prefixes, in any order, and is not sure of those that stand twice', () => {
    const long = 'k'.repeat(63);
    const names = ['a', 'ab', 'abc', 'k'.repeat(12), 'k'.repeat(13), 'k'.repeat(14), 'k'.repeat(62), long, 'ñ'];
    const scan = scanOf(Object.fromEntries(names.map((name) => [name, { type: 'integer' }])), { required: ['ab'] });
    for (let turn = 0; turn < names.length; turn += 1) {
      const order = [...names.slice(turn), ...names.slice(0, turn)];
      for (const keys of [order, order.toReversed()]) {
        const pairs = keys.map((key, i) => `${JSON.stringify(key)}:${i}`);
        assert.ok(isYes(scan, `{${pairs.join(',')}}`), keys.join());
        assert.ok(isYes(scan, `{ ${pairs.join(', ')} }`), 'with spaces');
        assert.ok(!isYes(scan, `{${[...pairs, pairs[turn]].join(',')}}`), 'a key twice');
      }
    }
    for (const no of ['{}', '{"a":1}', '{"ab":1,}', '{,"ab":1}', '{"ab":1 "a":1}', '{"ab" 1}'])
      assert.ok(!isYes(scan, no), no);
    assert.ok(isYes(scanOf({ a: true }), '{}'));
  });

  it('takes keys that are not declared where the schema does, and says that there are some', () => {
    const scan = scanOf({ a: { type: 'integer' } });
    for (const [event, yes] of [
      ['{"a":1}', true],
      ['{"b":1}', true],
      ['{"b":"x","a":1,"c":null,"constructor":[]}', true],
      [`{"${'k'.repeat(62)}":1.5}`, true],
      [`{"${'k'.repeat(63)}":1.5}`, false],
      ['{"b":1,"a":1,"b":1}', false],
      ['{"b":1,"bb":1,"a":1,"bb":1}', false],
      ['{"_b":1}', false],
      ['{"__proto__":1}', false],
      ['{"":1}', false],
      ['{"\\u0061":1,"a":1}', false],
      ['{"ñ":1}', false],
      ['{"\u007f":1}', false],
      ['{"b" :1}', false],
      ['{"b":01}', false],
      ['{"b":}', false],
      ['{b:1}', false],
    ] as const) {
      assert.equal(isYes(scan, event), yes, event);
      if (yes) assert.equal(scan.extras, event !== '{"a":1}', event);
    }
    const many = (count: number) =>
      JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i])));
    assert.deepEqual([isYes(scan, many(16)), isYes(scan, many(17))], [true, false]);
    const closed = scanOf({ a: { type: 'integer' } }, { additionalProperties: false });
    assert.deepEqual([isYes(closed, '{"a":1}'), isYes(closed, '{"a":1,"b":1}')], [true, false]);
  });

  it('never takes a name for a key that JSON would write otherwise', () => {
    const scan = scanOf({ 'a"b': true, 'c\\d': true, '\ud800': true });
    for (const no of ['{"a"b":1}', '{"c\\d":1}', '{"\ufffd":1}', '{"a\\"b":1}', '{\0:1}'])
      assert.ok(!isYes(scan, no), no);
  });

  it('knows datasets of many columns, and leaves those of too many to the scanner', () => {
    const wide = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, i]));
    const columns = (count: number) =>
      Object.fromEntries(Object.keys(wide(count)).map((name) => [name, { type: 'integer' }]));
    for (const count of [33, 65, 200, layout.COLUMNS_MAX]) {
      const scan = scanOf(columns(count), { required: Object.keys(columns(count)) });
      const { c0, ...rest } = wide(count);
      assert.ok(isYes(scan, JSON.stringify({ c0, ...rest })));
      assert.ok(isYes(scan, JSON.stringify({ ...rest, c0 })));
      assert.ok(!isYes(scan, JSON.stringify(rest)), 'one is missing');
    }
    assert.throws(() => scanOf(columns(layout.COLUMNS_MAX + 1)), /no plain scan/);
    assert.throws(
      () => scanOf({ e: { enum: Array.from({ length: 9_000 }, (_, i) => `option ${i}`) } }),
      /no plain scan/,
    );
  });

  it('stops to look for keys that come in ever another order', () => {
    const names = Array.from({ length: layout.COLUMNS_MAX }, (_, i) => `c${i}`);
    const scan = scanOf(Object.fromEntries(names.map((name) => [name, true])));
    const scattered = names.map((_, i) => names[(i * 211) % names.length]);
    const event = `{${scattered.map((name) => `"${name}":1`).join()}}`;
    assert.ok(!isYes(scan, event));
    assert.ok(Array.from({ length: 200 }, () => isYes(scan, event)).includes(true), 'it remembers what followed');
  });
});

describe('the memory of the plain scan', () => {
  it('is shared: whoever begins last may read, and only from what was begun', () => {
    const [a, b] = [scanOf({ a: { type: 'integer' } }), scanOf({ b: { type: 'string' } })];
    const [one, other] = [Buffer.from('{"a":1}'), Buffer.from('{"b":"x"}')];
    a.begin(one);
    assert.equal(a.read(one, 0, 7), 7);
    assert.equal(a.read(Buffer.from(one), 0, 7), 0, 'other bytes');
    b.begin(other);
    assert.equal(a.read(one, 0, 7), 0);
    assert.equal(b.read(other, 0, 9), 9);
    a.begin(one);
    assert.equal(b.read(other, 0, 9), 0);
    assert.equal(a.read(one, 0, 7), 7);
  });

  it('grows with the body, and takes none that is too large', () => {
    const scan = scanOf({ s: { type: 'string' } });
    for (const bytes of [100_000, 1_000_000, PLAIN_SCAN_LIMITS.bodyBytesMax, 10]) {
      const line = Buffer.from(`{"s":"x"}`);
      const body = Buffer.alloc(bytes, ' ');
      line.copy(body, bytes - line.length);
      scan.begin(body);
      assert.equal(scan.read(body, bytes - line.length, bytes), bytes);
      assert.equal(scan.found.ends[0], bytes - 1);
    }
    const large = Buffer.alloc(PLAIN_SCAN_LIMITS.bodyBytesMax + 1, '{"s":"x"}');
    scan.begin(large);
    assert.equal(scan.read(large, 0, 9), 0);
    // A position and a kind travel in one number that stays positive.
    assert.ok(layout.BODY + PLAIN_SCAN_LIMITS.bodyBytesMax < 2 ** 23);
  });

  it('has the same kinds as the scanner, and parts that lie apart', () => {
    assert.deepEqual(
      [layout.STRING, layout.ESCAPED, layout.INTEGER, layout.FLOAT, layout.BOOLEAN, layout.NULL],
      [KIND.STRING, KIND.ESCAPED, KIND.INTEGER, KIND.FLOAT, KIND.BOOLEAN, KIND.NULL],
    );
    assert.deepEqual([layout.OBJECT_LOW << 4, layout.ARRAY_LOW << 4], [KIND.OBJECT, KIND.ARRAY]);
    assert.ok(
      layout.OTHER_KEYS + 8 * layout.OTHER_KEYS_MAX <= layout.TABLE &&
        layout.ENDS + 4 * layout.COLUMNS_MAX <= layout.OTHER_KEYS,
    );
  });
});

describe('a validator with the plain scan', () => {
  it('reads ids from what the scan found', () => {
    const schema = {
      type: 'object',
      properties: { n: { type: 'integer' }, id: { type: 'string' }, k: { type: 'string' } },
    };
    const validator = createValidator(compileDataset('d', { schema, event_id: '/id', key: '/k', mode: 'upsert' }));
    const bytes = Buffer.from('{"n":1,"id":"e-1","k":"x"},{"n":1,"id":"","k":"x"},{"n":2,"id":"e-2"}');
    validator.begin(bytes);
    const read = (from: number) => {
      const end = validator.readPlain(bytes, from, bytes.length);
      return [end, validator.eventId, validator.errors.map(({ path }) => path)];
    };
    assert.deepEqual(read(0), [26, 'e-1', []]);
    assert.deepEqual(read(27), [50, null, ['/id']]);
    assert.deepEqual(read(51), [bytes.length, 'e-2', ['/k']]);
  });
});
