import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { AzudError, isAzudError } from '../error/azud-error.ts';
import type { Batch, Message } from '../event/batch.ts';
import { decodeBatch } from '../event/codec.ts';
import { uuidTimeMs } from '../event/ids.ts';
import { compileDataset } from '../event/validator.ts';
import { INTAKE_LIMITS } from '../limits.ts';
import { Intake, type IntakeRequest, type IntakeResult } from './intake.ts';

const NOW = 1_790_000_000_000;

const flights = compileDataset('flights', {
  schema: {
    type: 'object',
    required: ['origin'],
    properties: {
      origin: { type: 'string' },
      delay: { type: 'integer' },
      price: { type: 'number' },
      cancelled: { type: 'boolean' },
      tags: { type: 'array' },
      date: { type: 'string', format: 'date-time' },
    },
  },
});
const tickets = compileDataset('tickets', {
  schema: { type: 'object', properties: { ticket_id: { type: 'string' }, seat: { type: 'string' } } },
  event_id: '/ticket_id',
});

/** An intake whose broker keeps what it is given. */
function setUp(publishError: AzudError | null = null) {
  const messages: Message[] = [];
  const intake = new Intake({
    datasets: new Map([flights, tickets].map((dataset) => [dataset.name, dataset])),
    publish: async (published) => {
      if (publishError) return published.map(() => ({ error: publishError }));
      messages.push(...published);
      return published.map((_, i) => ({ position: { stream: 's', offset: i + 1 } }));
    },
    clock: { now: () => NOW, monotonic: () => 0, sleep: async () => {} },
  });
  const take = (body: string | Buffer, more: Partial<IntakeRequest> = {}): Promise<IntakeResult> =>
    intake.take({
      dataset: 'flights',
      strict: false,
      ...more,
      body: Buffer.from(body),
      headers: { 'content-type': 'application/json', ...more.headers },
    });
  const batches = (): Batch[] => messages.map(decodeBatch);
  const lines = (): string[] => batches().flatMap((batch) => batch.lines.toString().split('\n').slice(0, -1));
  return { take, batches, lines };
}

const NDJSON = { 'content-type': 'application/x-ndjson' };
const CSV = { 'content-type': 'text/csv' };
const GZIP = { 'content-encoding': 'gzip' };
const good = '{"origin":"SCL"}';
const gzipped = gzipSync(good);
const notUtf8 = Buffer.from('{"origin":"\xff"}', 'latin1');

it('NDJSON that says it is JSON is told what to say', async () => {
  const { take, lines } = setUp();
  await assert.rejects(take(`${good}\n${good}\n`), { code: 'invalid-json', hint: /application\/x-ndjson/ });
  assert.deepEqual(lines(), []);
});

describe('intake takes', () => {
  const taken: readonly (readonly [string, string | Buffer, readonly string[], Record<string, string>?])[] = [
    ['3 a BOM', `\ufeff${good}`, [good]],
    ['8 NUL in a value', '{"origin":"\\u0000"}', ['{"origin":"\\u0000"}']],
    [
      '13 names of Object.prototype',
      '{"origin":"A","hasOwnProperty":1,"toString":2,"then":3}',
      ['{"origin":"A","hasOwnProperty":1,"toString":2,"then":3}'],
    ],
    ['14 20 digits', '{"origin":"A","delay":12345678901234567890}', ['{"origin":"A","delay":12345678901234567890}']],
    [
      '17 numbers as written',
      '{"origin":"A","price":0.30000000000000004,"delay":-0}',
      ['{"origin":"A","price":0.30000000000000004,"delay":-0}'],
    ],
    ['an array', `[ ${good} , ${good} ]`, [good, good]],
    ['a pretty event', '{\n  "origin":\r\n "A"\n}', ['{   "origin":   "A" }']],
    ['a pretty array', `[\n${good},\n${good}\n]\n`, [good, good]],
    [
      '27 blank lines and CRLF',
      `\r\n${good}\r\n\n  \n{"origin":"\u2028"}\r\n${good}`,
      [good, '{"origin":"\u2028"}', good],
      NDJSON,
    ],
    ['27 a last line without newline', `${good}\n${good}`, [good, good], NDJSON],
    ['30 gzip', gzipped, [good], GZIP],
    [
      '30 gzip of several members',
      Buffer.concat([gzipSync(`${good}\n`), gzipSync(good)]),
      [good, good],
      { ...NDJSON, ...GZIP },
    ],
    ['30 deflate', deflateSync(good), [good], { 'content-encoding': 'Deflate' }],
    ['30 identity', good, [good], { 'content-encoding': 'identity' }],
    ['a charset', good, [good], { 'content-type': 'Application/JSON; charset="UTF-8"' }],
    [
      '33 quotes and line breaks in CSV',
      '\ufefforigin,delay,tags,cancelled,price,date\r\n"a ""b"",\r\nc",5,"[1, 2]",true,1.50,\r\n,,,,,\r\nB,,,,,2026-01-31T08:00:00Z',
      [
        '{"origin":"a \\"b\\",\\r\\nc","delay":5,"tags":[1, 2],"cancelled":true,"price":1.50}',
        '{"origin":"B","date":"2026-01-31T08:00:00Z"}',
      ],
      CSV,
    ],
    [
      '34 formulas as they are',
      'origin\n=cmd()\n+1\n-1\n@x\n"\tx"\n',
      ['=cmd()', '+1', '-1', '@x', '\\tx'].map((text) => `{"origin":"${text}"}`),
      CSV,
    ],
  ];
  for (const [what, body, expected, headers = {}] of taken) {
    it(what, async () => {
      const { take, lines } = setUp();
      await take(body, { headers });
      assert.deepEqual(lines(), expected);
    });
  }

  it('25 a batch with one bad row of 1,000, which becomes a dead letter', async () => {
    const { take, batches } = setUp();
    const rows = Array.from({ length: 1_000 }, (_, i) =>
      i === 16 ? '{"origin":"A","delay":"12m"}' : `{"origin":"A","delay":${i}}`,
    );
    const result = await take(rows.join('\n'), { headers: NDJSON });
    assert.equal(result.accepted, 999);
    assert.equal(result.rejected, 1);
    assert.deepEqual(result.errors, [
      { row: 17, path: '/delay', code: 'schema_violation', message: '/delay must be an integer, got "12m"' },
    ]);
    const [batch, ...others] = batches();
    assert.deepEqual(others, []);
    assert.equal(batch?.count, 999);
    assert.equal(batch.lines.toString(), `${rows.filter((_, i) => i !== 16).join('\n')}\n`);
    assert.deepEqual(batch.rows?.slice(14, 18), [15, 16, 18, 19]);
    assert.equal(batch.rejects[0]?.original.toString(), rows[16]);
    assert.equal(batch.rejects[0]?.row, 17);
  });

  it('25 nothing of a strict batch with one bad row', async () => {
    const { take, batches } = setUp();
    const error = await take(`${good}\n{}\n`, { headers: NDJSON, strict: true }).catch((thrown: unknown) => thrown);
    assert.ok(isAzudError(error, 'batch-rejected'));
    assert.deepEqual(error.errors, [
      { row: 2, path: '/origin', code: 'schema_violation', message: '/origin is missing' },
    ]);
    assert.deepEqual(batches(), []);
  });

  it('the rest of an array whose elements have faults of meaning', async () => {
    const { take, batches, lines } = setUp();
    const result = await take(`[${good},[1],{"a":1,"a":2},{"origin":"A","price":1e400},${good}]`);
    assert.deepEqual(
      result.errors.map(({ row, code }) => `${row} ${code}`),
      ['2 not_an_event', '3 duplicate_key', '4 number_range'],
    );
    assert.deepEqual(lines(), [good, good]);
    assert.deepEqual(batches()[0]?.rows, [1, 5]);
    assert.deepEqual(
      batches()[0]?.rejects.map((reject) => reject.original.toString()),
      ['[1]', '{"a":1,"a":2}', '{"origin":"A","price":1e400}'],
    );
  });

  it('the good lines among lines that are no JSON, not UTF-8, or broken off', async () => {
    const { take, lines, batches } = setUp();
    const body = Buffer.concat([Buffer.from(`${good}\n{a\n`), notUtf8, Buffer.from(`\n{"origin":\n"B"}\n${good}\n`)]);
    const result = await take(body, { headers: NDJSON });
    assert.deepEqual(
      result.errors.map(({ row, code }) => `${row} ${code}`),
      ['2 invalid_json', '3 invalid_utf8', '4 invalid_json', '5 invalid_json'],
    );
    assert.deepEqual(lines(), [good, good]);
    assert.deepEqual(batches()[0]?.rejects[1]?.original, notUtf8);
  });

  it('a batch of which no event fits, as dead letters', async () => {
    const { take, batches } = setUp();
    const result = await take('[{},{}]');
    assert.deepEqual([result.accepted, result.rejected], [0, 2]);
    assert.deepEqual([batches()[0]?.count, batches()[0]?.lines.length, batches()[0]?.rejects.length], [0, 0, 2]);
  });

  it('CSV rows by themselves: ragged ones and wrong types are dead letters', async () => {
    const { take, lines, batches } = setUp();
    const result = await take('origin,delay,cancelled\nA,1,true\nB\nC,01,yes\nD,2,false\n', { headers: CSV });
    assert.deepEqual(
      result.errors.map(({ row, path, code }) => `${row} ${path} ${code}`),
      ['2  invalid_csv', '3 /delay schema_violation', '3 /cancelled schema_violation'],
    );
    assert.deepEqual(lines(), [
      '{"origin":"A","delay":1,"cancelled":true}',
      '{"origin":"D","delay":2,"cancelled":false}',
    ]);
    assert.deepEqual(
      batches()[0]?.rejects.map((reject) => reject.original.toString()),
      ['B', '{"origin":"C","delay":"01","cancelled":"yes"}'],
    );
  });

  it('10,000 faulty rows in one long line, each with its position', async () => {
    const { take } = setUp();
    const body = `[${Array.from({ length: 10_000 }, (_, i) => `{"a":1,"a":"${'x'.repeat(400)}${i}"}`).join(',')}]`;
    const result = await take(body);
    assert.equal(result.rejected, 10_000);
    assert.match(result.errors[99]?.message ?? '', /line 1, column 41282/);
  });

  it('lists no more than 100 errors, and counts them all', async () => {
    const result = await setUp().take(`[${Array.from({ length: 300 }, () => '{}').join(',')}]`);
    assert.equal(result.rejected, 300);
    assert.equal(result.errors.length, INTAKE_LIMITS.errorsListedMax);
  });
});

it('intake passes on what the broker refuses', async () => {
  await assert.rejects(setUp(new AzudError('storage-full', 'no room')).take(good), { code: 'storage-full' });
});

describe('intake stamps', () => {
  it('a transaction with the time, and no ids of its own making', async () => {
    const { take, batches } = setUp();
    const { transactionId, dataset } = await take(good);
    const [batch] = batches();
    assert.equal(uuidTimeMs(transactionId), NOW);
    assert.equal(dataset, 'flights');
    assert.deepEqual(
      [batch?.transactionId, batch?.receivedAt, batch?.source, batch?.ids, batch?.rows, batch?.extras],
      [transactionId, NOW, 'http', null, null, false],
    );
  });

  it('whether some event has a property that the schema does not name', async () => {
    const { take, batches } = setUp();
    await take(`[${good},{"origin":"A","more":1}]`);
    await take(`[${good},{"more":1}]`);
    assert.deepEqual(
      batches().map((batch) => batch.extras),
      [true, false],
    );
  });

  it("the client's ids", async () => {
    const { take, batches } = setUp();
    await take('[{"ticket_id":"a"},{"ticket_id":"b\\u0063"}]', { dataset: 'tickets' });
    assert.deepEqual(batches()[0]?.ids, ['a', 'bc']);
  });

  it('the same ids for the same Idempotency-Key, and others for another', async () => {
    const { take, batches } = setUp();
    for (const key of ['k1', 'k1', 'k2']) await take(`[${good},{},${good}]`, { headers: { 'idempotency-key': key } });
    const [first, again, other] = batches();
    assert.equal(first?.transactionId, again?.transactionId);
    assert.deepEqual(first?.ids, again?.ids);
    assert.equal(first?.ids?.length, 2);
    assert.equal(first?.rejects[0]?.id, again?.rejects[0]?.id);
    assert.notEqual(first?.id, again?.id);
    assert.notEqual(first?.transactionId, other?.transactionId);
    assert.notDeepEqual(first?.ids, other?.ids);
  });
});

describe('intake of NDJSON', () => {
  it('keeps every line byte for byte, wherever it is cut and whatever it holds', async () => {
    const line = fc.record({
      origin: fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
      delay: fc.integer(),
    });
    const ending = fc.constantFrom('\n', '\r\n', '\n\n', '\n \t\n');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(line, ending), { minLength: 1, maxLength: 20 }),
        fc.boolean(),
        async (rows, cut) => {
          const { take, lines } = setUp();
          const body = rows.map(([event, end]) => JSON.stringify(event) + end).join('');
          const result = await take(cut ? body.trimEnd() : body, { headers: NDJSON });
          assert.equal(result.accepted, rows.length);
          assert.deepEqual(
            lines().map((text) => text.trimEnd()),
            rows.map(([event]) => JSON.stringify(event)),
          );
        },
      ),
    );
  });
});

describe('intake of CSV', () => {
  it('gives back every cell', async () => {
    const cell = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text.isWellFormed());
    await fc.assert(
      fc.asyncProperty(fc.array(cell, { minLength: 1, maxLength: 10 }), async (cells) => {
        const { take, lines } = setUp();
        const body = ['origin', ...cells.map((text) => `"${text.replaceAll('"', '""')}"`)].join('\r\n');
        await take(body, { headers: CSV });
        assert.deepEqual(
          lines().map((text) => (JSON.parse(text) as { origin: string }).origin),
          cells,
        );
      }),
    );
  });
});
