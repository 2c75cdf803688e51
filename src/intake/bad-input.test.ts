import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { type AzudError, isAzudError } from '../error/azud-error.ts';
import type { ErrorCode } from '../error/catalogue.ts';
import type { Message } from '../event/batch.ts';
import { compileDataset } from '../event/validator.ts';
import { systemClock } from '../lib/clock.ts';
import { INTAKE_LIMITS, JSON_LIMITS } from '../limits.ts';
import { Intake, type IntakeRequest } from './intake.ts';

const origin = { type: 'string' };
const flights = compileDataset('flights', {
  schema: {
    type: 'object',
    required: ['origin'],
    properties: {
      origin,
      delay: { type: 'integer' },
      price: { type: 'number' },
      date: { type: 'string', format: 'date-time' },
    },
  },
});
const tickets = compileDataset('tickets', {
  schema: { type: 'object', properties: { ticket_id: { type: 'string' } } },
  event_id: '/ticket_id',
});
/** Whose patterns a client can make last for ever, and whose other rules took long once. */
const traps = compileDataset('traps', {
  schema: {
    type: 'object',
    properties: {
      nested: { type: 'string', pattern: '^(a+)+$' },
      loose: { type: ['string', 'null'], pattern: '\\S+@\\S+\\.\\S+' },
      url: { type: 'string', format: 'url' },
      items: { type: 'array', uniqueItems: true },
      tree: { $ref: '#/$defs/node' },
    },
    $defs: {
      node: {
        type: 'object',
        properties: { next: { anyOf: [{ $ref: '#/$defs/node' }, { $ref: '#/$defs/node' }] } },
      },
    },
    patternProperties: { '^(k|k)+$': { type: 'string' } },
  },
});
const datasets = new Map([flights, tickets, traps].map((dataset) => [dataset.name, dataset]));

/** An intake whose broker keeps what it is given. */
function setUp() {
  const messages: Message[] = [];
  const intake = new Intake({
    datasets,
    publish: async (published) => {
      messages.push(...published);
      return published.map(() => ({ position: null }));
    },
    clock: systemClock,
  });
  const take = (body: string | Buffer, more: Partial<IntakeRequest> = {}) =>
    intake.take({
      dataset: 'flights',
      strict: false,
      ...more,
      body: Buffer.from(body),
      headers: { 'content-type': 'application/json', ...more.headers },
    });
  return { take, messages };
}

type Refused = readonly [what: string, body: string | Buffer, code: ErrorCode, headers?: Record<string, string>];

/** Refused as a whole: the code, and nothing reaches the broker. */
async function assertRefused([what, body, code, headers = {}]: Refused): Promise<AzudError> {
  const { take, messages } = setUp();
  try {
    await take(body, { headers });
  } catch (error) {
    assert.ok(isAzudError(error), String(error));
    assert.equal(error.code, code, `${what}: ${error.message}`);
    assert.deepEqual(messages, []);
    return error;
  }
  throw new assert.AssertionError({ message: `${what} was taken` });
}

const NDJSON = { 'content-type': 'application/x-ndjson' };
const CSV = { 'content-type': 'text/csv' };
const good = '{"origin":"SCL"}';
const gzipped = gzipSync(good);
const damaged = (at: number) => {
  const bytes = Buffer.from(gzipped);
  bytes.writeUInt8((bytes.at(at) ?? 0) ^ 0xff, bytes.length + at);
  return bytes;
};
const GZIP = { 'content-encoding': 'gzip' };
const inString = (...bytes: number[]) =>
  Buffer.concat([Buffer.from('{"origin":"'), Buffer.from(bytes), Buffer.from('"}')]);

/** By the rows of the bad-input catalogue. */
const REFUSED: readonly Refused[] = [
  ['1 empty body', '', 'empty-body'],
  ['1 white space', ' \n', 'empty-body'],
  ['1 blank lines', '\n\r\n', 'empty-body', NDJSON],
  ['1 only a BOM', '\ufeff', 'empty-body'],
  ['2 broken JSON', '{a', 'invalid-json'],
  ['2 more after the event', '{"origin":"SCL"}x', 'invalid-json'],
  ['2 more after the array', `[${good}]]`, 'invalid-json'],
  ['2 comma before the end', `[${good},]`, 'invalid-json'],
  ['2 array without end', `[${good},${good}`, 'invalid-json'],
  ['2 NaN', '{"origin":NaN}', 'invalid-json'],
  ['2 one broken line', '{"origin":', 'invalid-json', NDJSON],
  ['4 UTF-16', good, 'unsupported-charset', { 'content-type': 'application/json; charset=utf-16' }],
  ['4 Latin-1', good, 'unsupported-charset', { 'content-type': 'application/json;charset="iso-8859-1"' }],
  ['5 invalid UTF-8', inString(0xff, 0xfe), 'invalid-utf8'],
  ['5 invalid UTF-8 in a line', inString(0xff, 0xfe), 'invalid-utf8', NDJSON],
  ['5 invalid UTF-8 in CSV', Buffer.from([0x61, 0x0a, 0xff]), 'invalid-utf8', CSV],
  ['6 overlong UTF-8', inString(0xc0, 0x80), 'invalid-utf8'],
  ['6 surrogates in UTF-8', inString(0xed, 0xa0, 0x80), 'invalid-utf8'],
  ['7 lone surrogate', '{"origin":"\\ud800"}', 'invalid-unicode'],
  ['9 NUL in a key', '{"a\\u0000":1}', 'invalid-key'],
  ['10 key twice', '{"origin":"A","origin":"B"}', 'duplicate-key'],
  ['11 __proto__', '{"origin":"A","__proto__":1}', 'forbidden-key'],
  ['11 escaped __proto__', '{"origin":"A","\\u005f\\u005fproto__":1}', 'forbidden-key'],
  ['12 constructor.prototype', '{"origin":"A","constructor":{"prototype":1}}', 'forbidden-key'],
  ['15 1e400', '{"origin":"A","price":1e400}', 'number-range'],
  ['16 900,000 digits', `{"origin":"A","price":${'9'.repeat(200_000)}}`, 'number-range'],
  ['18 33 levels', `{"a":${'['.repeat(JSON_LIMITS.depthMax)}${']'.repeat(JSON_LIMITS.depthMax)}}`, 'too-deep'],
  ['18 500,000 levels', '['.repeat(500_000), 'too-deep'],
  ['19 100,000 keys', `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join(',')}}`, 'too-many-keys'],
  ['20 empty key', '{"":1}', 'invalid-key'],
  ['20 key of 1 MB', `{"${'k'.repeat(1 << 20)}":1}`, 'invalid-key'],
  ['21 300 KiB event', `{"origin":"${'x'.repeat(300 * 1024)}"}`, 'too-large'],
  ['21 300 KiB event among others', `[${good},{"origin":"${'x'.repeat(300 * 1024)}"}]`, 'too-large'],
  ['21 6 MiB body', Buffer.alloc(6 << 20, 0x20), 'too-large'],
  ['24 50,000 events', `${good}\n`.repeat(50_000), 'batch-too-large', NDJSON],
  ['24 10,001 events', `[${good}${`,${good}`.repeat(INTAKE_LIMITS.batchEventsMax)}]`, 'batch-too-large'],
  ['26 []', '[]', 'not-an-event'],
  ['26 null', 'null', 'not-an-event'],
  ['26 a string', '"x"', 'not-an-event'],
  ['26 a number', '5', 'not-an-event'],
  ['26 [[…]]', '[[1,2]]', 'not-an-event'],
  ['26 [[…],[…]]', '[[1],[2]]', 'not-an-event'],
  ['29 one endless line', 'x'.repeat(5 << 20), 'line-too-long', NDJSON],
  ['30 cut gzip', gzipped.subarray(0, -3), 'bad-encoding', GZIP],
  ['30 trailing garbage', Buffer.concat([gzipped, Buffer.from('xx')]), 'bad-encoding', GZIP],
  ['30 trailing zeros', Buffer.concat([gzipped, Buffer.alloc(2)]), 'bad-encoding', GZIP],
  ['30 bad CRC', damaged(-6), 'bad-encoding', GZIP],
  ['30 not gzip', good, 'bad-encoding', GZIP],
  ['30 cut deflate', deflateSync(good).subarray(0, -3), 'bad-encoding', { 'content-encoding': 'deflate' }],
  ['31 gzip bomb', gzipSync(Buffer.alloc(200 << 20, 0x20)), 'inflated-too-large', GZIP],
  ['32 brotli', good, 'unsupported-encoding', { 'content-encoding': 'br' }],
  ['32 zstd', good, 'unsupported-encoding', { 'content-encoding': 'zstd' }],
  ['32 gzip twice', gzipSync(gzipped), 'unsupported-encoding', { 'content-encoding': 'gzip, gzip' }],
  ['32 unknown', good, 'unsupported-encoding', { 'content-encoding': 'toString' }],
  ['33 header twice', 'origin,origin\nA,B\n', 'invalid-csv', CSV],
  ['33 empty header', 'origin,\nA,B\n', 'invalid-csv', CSV],
  ['33 reserved header', 'origin,_x\nA,B\n', 'reserved-key', CSV],
  ['33 forbidden header', 'origin,__proto__\nA,B\n', 'forbidden-key', CSV],
  ['33 10,001 columns', `${Array.from({ length: 10_001 }, (_, i) => `c${i}`).join(',')}\n`, 'invalid-csv', CSV],
  ['33 open quote', 'origin\n"A', 'invalid-csv', CSV],
  ['33 one ragged row', 'origin,delay\nA\n', 'invalid-csv', CSV],
  ['33 header alone', 'origin,delay\n', 'not-an-event', CSV],
  ['35 no content type', good, 'unsupported-media-type', { 'content-type': undefined as unknown as string }],
  ['35 text/plain', good, 'unsupported-media-type', { 'content-type': 'text/plain' }],
  ['35 two content types', good, 'unsupported-media-type', { 'content-type': 'application/json, text/plain' }],
  ['35 garbage', good, 'unsupported-media-type', { 'content-type': 'application/json; charset' }],
  ['35 a name of Object.prototype', good, 'unsupported-media-type', { 'content-type': 'constructor/constructor' }],
  ['36 Idempotency-Key too long', good, 'invalid-header', { 'idempotency-key': 'x'.repeat(129) }],
  ['36 empty Idempotency-Key', good, 'invalid-header', { 'idempotency-key': '' }],
  ['36 Idempotency-Key not ASCII', good, 'invalid-header', { 'idempotency-key': 'ñ' }],
  ['39 no day', '{"origin":"A","date":"2026-02-30T00:00:00Z"}', 'schema-violation'],
  ['41 reserved name', '{"origin":"A","_offset":1}', 'reserved-key'],
  ['42 one event of another type', '{"origin":"A","delay":{}}', 'schema-violation'],
];

describe('intake refuses', () => {
  for (const row of REFUSED) it(`${row[0]} with ${row[2]}`, async () => void (await assertRefused(row)));

  it('an event with an id that is not valid', async () => {
    for (const id of ['""', `"${'x'.repeat(129)}"`, '"a\\u0000"', '{}']) {
      const { take } = setUp();
      const error = await take(`{"ticket_id":${id}}`, { dataset: 'tickets' }).catch((thrown: unknown) => thrown);
      assert.ok(isAzudError(error, id === '{}' ? 'schema-violation' : 'invalid-id'), id);
    }
  });

  it('datasets that do not exist', async () => {
    for (const dataset of ['a;drop', '../x', 'x'.repeat(1024), 'flіghts', '__proto__', 'toString']) {
      await assert.rejects(setUp().take(good, { dataset }), { code: 'dataset-not-found' });
    }
  });

  it('one event that does not fit, naming row 1, its path and what came', async () => {
    const error = await assertRefused(['', '[{"origin":"SCL","delay":"12m"}]', 'schema-violation']);
    assert.deepEqual(error.errors, [
      { row: 1, path: '/delay', code: 'schema_violation', message: '/delay must be an integer, got "12m"' },
    ]);
  });

  it('broken JSON with its position', async () => {
    const error = await assertRefused(['', `[${good},\n{"origin" 1}]`, 'invalid-json']);
    assert.match(error.message, /line 2, column 11/);
    const utf8 = await assertRefused([
      '',
      Buffer.concat([Buffer.from('{"a":"\ufffd'), Buffer.from([0xff])]),
      'invalid-utf8',
    ]);
    assert.match(utf8.message, /line 1, column 10/);
  });
});

describe('a body that is made to keep the check busy', () => {
  const deep = (levels: number): unknown => (levels === 0 ? 'no node' : { next: deep(levels - 1) });
  const TRAPS: readonly (readonly [what: string, event: unknown])[] = [
    ['a schema that holds itself twice', { tree: deep(30) }],
    ['a pattern that repeats what repeats', { nested: `${'a'.repeat(60)}!` }],
    ['a pattern that may begin anywhere', { loose: 'a'.repeat(200_000) }],
    ['a pattern of names', { [`${'k'.repeat(60)}!`]: 'x' }],
  ];
  for (const [what, event] of TRAPS) {
    for (const type of ['application/json', 'application/x-ndjson', 'text/csv']) {
      it(`is refused in time: ${what}, ${type}`, async () => {
        const { take, messages } = setUp();
        const [[name, value] = []] = Object.entries(event as object);
        const cell = typeof value === 'string' ? value : `"${JSON.stringify(value).replaceAll('"', '""')}"`;
        const body = type === 'text/csv' ? `${name}\n${cell}\n` : `${JSON.stringify(event)}\n`;
        const begun = performance.now();
        await assert.rejects(take(body, { dataset: 'traps', headers: { 'content-type': type } }), {
          code: 'too-large',
          message: /against the schema takes longer/,
        });
        assert.ok(performance.now() - begun < 3 * INTAKE_LIMITS.checkMsMax);
        assert.deepEqual(messages, []);
        await take('{"nested":"aaa","loose":"a@b.c"}', { dataset: 'traps' });
      });
    }
  }

  it('is refused in time when its many events are slow together', async () => {
    const { take } = setUp();
    const body = `${JSON.stringify({ loose: 'a'.repeat(1_000) })}\n`.repeat(4_000);
    const begun = performance.now();
    await assert.rejects(take(body, { dataset: 'traps', headers: { 'content-type': 'application/x-ndjson' } }), {
      code: 'too-large',
    });
    assert.ok(performance.now() - begun < 5 * INTAKE_LIMITS.checkMsMax);
  });

  it('costs no more than its size: addresses, and items that must differ', async () => {
    const { take } = setUp();
    const items = Array.from({ length: 30_000 }, (_, n) => [n]);
    const begun = performance.now();
    await take(JSON.stringify({ items }), { dataset: 'traps' });
    for (const url of ['http://'.repeat(30_000), `http://${'a@'.repeat(100_000)}`, `http://${'a.'.repeat(100_000)}/ `])
      await assert.rejects(take(JSON.stringify({ url }), { dataset: 'traps' }), { code: 'schema-violation' });
    assert.ok(performance.now() - begun < 3_000, `${performance.now() - begun} ms`);
  });

  it('is checked as before', async () => {
    const { take } = setUp();
    const good = [
      { url: 'https://user:pa:ss@example.com:8080/a?b#c' },
      { items: [1, '1', { a: 1, b: [2] }, { a: 1, b: [3] }, null] },
      { nested: 'a'.repeat(5_000) },
    ];
    assert.equal((await take(JSON.stringify(good), { dataset: 'traps' })).accepted, good.length);
    const bad = [{ url: 'http://a b.com' }, { items: [{ a: 1, b: 2 }, 3, { b: 2, a: 1 }] }, { items: [0, -0.0] }];
    const { errors } = await take(JSON.stringify([{}, ...bad]), { dataset: 'traps' });
    assert.deepEqual(
      errors.map(({ row, path, code }) => [row, path, code]),
      [
        [2, '/url', 'schema_violation'],
        [3, '/items', 'schema_violation'],
        [4, '/items', 'schema_violation'],
      ],
    );
  });
});
