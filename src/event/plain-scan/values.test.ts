import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { describe, it } from 'node:test';
import { isPlain, isYes, scanOf } from '../../../test/support/plain-scan.ts';
import { isDateTime } from '../formats.ts';
import { KIND } from '../json/number.ts';

describe('the plain scan of a value', () => {
  it('knows a plain string by every byte at every place of it', () => {
    const scan = scanOf({ s: { type: 'string' } });
    for (let length = 0; length <= 35; length += 1) {
      for (let at = 0; at < length; at += 1) {
        for (let byte = 0; byte < 256; byte += 1) {
          const event = Buffer.from(`{"s":"${'x'.repeat(length)}"}`);
          event[6 + at] = byte;
          if (!isUtf8(event)) continue;
          assert.equal(
            isYes(scan, event),
            isPlain(event.subarray(5, -1), KIND.STRING | KIND.ESCAPED),
            event.toString('latin1'),
          );
        }
      }
    }
  });

  it('knows escapes, and those that are none or half of a pair', () => {
    const scan = scanOf({ s: { type: 'string' } });
    const parts = [
      '\\n',
      '\\u00f1',
      '\\uD83D',
      '\\uDe00',
      '\\uD83D\\uDE00',
      '\\u12g4',
      '\\"',
      '\\\\',
      '\\',
      '\\x',
      'a',
      'u0041',
    ];
    for (const text of parts.flatMap((one) => parts.flatMap((two) => parts.map((three) => one + two + three)))) {
      for (const value of [`"${text}"`, `"${'x'.repeat(13)}${text}"`]) {
        const plain = isPlain(Buffer.from(value), KIND.STRING | KIND.ESCAPED);
        assert.equal(isYes(scan, `{"s":${value}}`), plain, value);
      }
    }
    for (let byte = 0; byte < 128; byte += 1) {
      const event = Buffer.from(`{"s":"\\${String.fromCharCode(byte)}0041"}`);
      assert.equal(isYes(scan, event), isPlain(event.subarray(5, -1), KIND.ESCAPED), `\\${byte}`);
    }
  });

  it('knows short numbers', () => {
    const scan = scanOf({ n: { type: 'number' } });
    const digits = '1234567890123456789';
    const whole = [
      '0',
      '00',
      '01',
      '-0',
      '-',
      '--1',
      '+1',
      '',
      ...[1, 9, 14, 15, 16, 17].map((n) => digits.slice(0, n)),
    ];
    const rest = [
      '',
      '.',
      '.5',
      '.05',
      '.5.',
      '.5e1',
      'e1',
      'E1',
      '.5f',
      ' ',
      'x',
      ...[8, 14, 16].map((n) => `.${digits.slice(0, n)}`),
    ];
    for (const text of whole.flatMap((start) => rest.map((end) => start + end))) {
      const sure = isYes(scan, `{"n":${text}}`);
      const plain = isPlain(Buffer.from(text.trim()), KIND.INTEGER | KIND.FLOAT);
      // Of the rare ones with more than 15 digits on one side of the point it is not sure.
      if (/\d{16}/.test(text)) assert.ok(plain || !sure, text);
      else assert.equal(sure, plain, text);
    }
  });

  it('holds numbers to their bounds, exactly', () => {
    const scan = scanOf({ n: { type: 'number', minimum: -0.3, exclusiveMaximum: 9007199254740.99 } });
    const expected = { '-0.3': true, '-0.30': true, '-0.300000000000001': true, '-0.31': false, '-1': false };
    for (const [text, yes] of Object.entries(expected)) {
      assert.equal(isYes(scan, `{"n":${text}}`), yes && Number(text) >= -0.3, text);
    }
    for (const text of ['9007199254740.99', '9007199254740.98', '9007199254740.9', '9007199254741']) {
      assert.equal(isYes(scan, `{"n":${text}}`), Number(text) < 9007199254740.99, text);
    }
    assert.ok(!isYes(scan, '{"n":0.123456789012345}'), 'too long to be compared here');
  });

  it('knows days and times as the formats do', () => {
    const day = scanOf({ d: { type: 'string', format: 'date' } });
    const time = scanOf({ t: { type: 'string', format: 'date-time' } });
    const two = (n: number) => String(n).padStart(2, '0');
    for (const year of ['0000', '0001', '1900', '2000', '2023', '2024', '9999']) {
      for (let month = 0; month <= 13; month += 1) {
        for (let of = 0; of <= 32; of += 1) {
          const date = `${year}-${two(month)}-${two(of)}`;
          assert.equal(isYes(day, `{"d":"${date}"}`), isDateTime(`${date}T00:00:00Z`), date);
          assert.equal(isYes(time, `{"t":"${date}T23:59:59.5Z"}`), isDateTime(`${date}T23:59:59.5Z`), date);
        }
      }
    }
    for (let digits = 0; digits <= 10; digits += 1) {
      for (const fraction of ['1234567890', '1234560000'].map((text) => text.slice(0, digits))) {
        const text = `2026-01-31T08:15:30.${fraction}Z`;
        assert.equal(isYes(time, `{"t":"${text}"}`), isDateTime(text) && digits <= 6, text);
      }
    }
    const moment = '2026-01-31T08:15:30.123456+05:45';
    for (let at = 0; at < moment.length; at += 1) {
      for (const char of '0123456789-+:.TZz/ ;') {
        const text = moment.slice(0, at) + char + moment.slice(at + 1);
        assert.equal(isYes(time, `{"t":"${text}"}`), isDateTime(text), text);
        assert.ok(isDateTime(text.slice(0, at)) || !isYes(time, `{"t":"${text.slice(0, at)}"}`), text.slice(0, at));
      }
    }
    assert.ok(!isYes(time, '{"t":"0001-01-01T00:00:00+01:00"}'), 'an offset may carry it out of the calendar');
  });

  it('knows the options of an enumeration, and lengths', () => {
    const scan = scanOf({
      e: { enum: ['', 'a', 'ab', 'exactly 14 byt', 'exactly 16 bytes', 'ñandú', 'longer than one vector'] },
      s: { type: 'string', minLength: 2, maxLength: 4 },
    });
    for (const yes of ['', 'a', 'ab', 'exactly 14 byt', 'exactly 16 bytes', 'ñandú', 'longer than one vector'])
      assert.ok(isYes(scan, JSON.stringify({ e: yes })), yes);
    for (const no of ['b', 'abc', 'exactly 14 by', 'exactly 16 byteS', 'ñandu', 'longer than one vectoR'])
      assert.ok(!isYes(scan, JSON.stringify({ e: no })), no);
    const lengths = ['', 'a', 'ab', 'abcd', 'abcde'].map((s) => isYes(scan, JSON.stringify({ s })));
    assert.deepEqual(lengths, [false, false, true, true, false]);
  });

  it('knows small objects and arrays', () => {
    const scan = scanOf({ v: true });
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    const inner = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    for (const [value, yes] of [
      ['{}', true],
      ['[]', true],
      ['{"a":1,"b":[1,-2.5,"x",null,true,{"a":"\\\\"}],"c":{"a":{"a":{}}}}', true],
      ['{ "a": [ 1 , 2 ], "b" : 1}', false],
      ['[ 1 , 2 ,{ "a": [ ] } ]', true],
      ['{"a":1,"a":1}', false],
      ['{"a":{"b":1},"b":{"b":1,"b":2}}', false],
      ['[{"a":1},{"a":1}]', true],
      ['{"constructor":{"prototype":1}}', false],
      ['{"__proto__":1}', false],
      ['{"":1}', false],
      ['[1,]', false],
      ['[,1]', false],
      ['[1 2]', false],
      ['{"a":1,}', false],
      ['{"a"}', false],
      ['[1}', false],
      ['{"a":1]', false],
      ['[', false],
      ['{"a":', false],
      ['[01]', false],
      ['[12345678901234567890]', false],
      [nested(8), true],
      [nested(9), false],
      [inner(8), true],
      [inner(9), false],
      [`[${Array(999).fill('{"k":1}').join()}]`, true],
      [`[${Array(1_001).fill('{"k":1}').join()}]`, false],
    ] as const) {
      const event = `{"v":${value}}`;
      assert.equal(isYes(scan, event), yes, event);
      if (yes) assert.ok(isPlain(Buffer.from(value), KIND.OBJECT | KIND.ARRAY), value);
      if (yes) assert.equal(scan.found.kinds[0], value.startsWith('[') ? KIND.ARRAY : KIND.OBJECT);
      if (yes) assert.equal(scan.extras, false);
    }
    const typed = scanOf({ o: { type: 'object' }, a: { type: ['array', 'null'] } });
    assert.ok(isYes(typed, '{"o":{"a":1,"x":[{"o":1}]},"a":[1],"x":{"a":1}}'));
    assert.ok(typed.extras);
    assert.ok(!isYes(typed, '{"o":[]}') && !isYes(typed, '{"a":{}}'));
  });
});
