import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import type { RowStream } from '../../store/driver.ts';
import type { Page } from '../rows.ts';
import type { Row } from '../stream.ts';
import { formatRow, formatRows } from './body.ts';
import { chooseForm, chooseFormat, type Format } from './negotiation.ts';

const COLUMNS: RowStream['columns'] = [
  { name: 'name', type: 'string' },
  { name: 'big', type: 'integer' },
  { name: 'number', type: 'number' },
  { name: 'fare', type: 'decimal' },
  { name: 'late', type: 'boolean' },
  { name: 'at', type: 'timestamp' },
  { name: 'day', type: 'date' },
  { name: 'uid', type: 'uuid' },
  { name: 'extra', type: 'json' },
];
const UUID = '019a0000-0000-7000-8000-000000000001';
const ROWS: readonly Row[] = [
  [
    'a"b,c\nñ',
    9007199254740993n,
    -0.1,
    '12.345678901234567891',
    true,
    '2026-01-31T08:00:00.000001Z',
    '2026-01-31',
    UUID,
    '{"x":1.50}',
  ],
  ['', 7, 1e21, '-1', false, '1969-12-31T23:59:59.999Z', '1969-12-31', UUID, '[1, "two"]'],
  [null, null, null, null, null, null, null, null, null],
];

function streamOf(columns: RowStream['columns'], ...chunks: (readonly Row[])[]): RowStream {
  return {
    columns,
    chunks: (async function* () {
      yield* chunks;
    })(),
  };
}

async function bytesOf(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

const render = async (format: Format, stream: RowStream | Page, raw = false) =>
  (await bytesOf(formatRows(stream, { format, raw }).chunks)).toString();

/** What DuckDB reads from a Parquet file, as text and with its types. */
async function readParquet(bytes: Buffer, sql: string): Promise<unknown[][]> {
  const folder = await mkdtemp(join(tmpdir(), 'azud-parquet-'));
  try {
    const file = join(folder, 'rows.parquet');
    await writeFile(file, bytes);
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run("SET TimeZone = 'UTC'");
    const result = await connection.runAndReadAll(sql.replace('$file', `'${file}'`));
    connection.closeSync();
    return result.getRows();
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('rows as JSON', () => {
  test('keep every value exact, integers above 2^53 and decimals as strings', async () => {
    const text = await render('json', streamOf(COLUMNS, ROWS.slice(0, 1), ROWS.slice(1)));
    assert.deepEqual(JSON.parse(text), {
      data: [
        {
          name: 'a"b,c\nñ',
          big: '9007199254740993',
          number: -0.1,
          fare: '12.345678901234567891',
          late: true,
          at: '2026-01-31T08:00:00.000001Z',
          day: '2026-01-31',
          uid: UUID,
          extra: { x: 1.5 },
        },
        {
          name: '',
          big: 7,
          number: 1e21,
          fare: '-1',
          late: false,
          at: '1969-12-31T23:59:59.999Z',
          day: '1969-12-31',
          uid: UUID,
          extra: [1, 'two'],
        },
        Object.fromEntries(COLUMNS.map(({ name }) => [name, null])),
      ],
    });
    assert.match(text, /"extra":\{"x":1\.50\}/, 'JSON comes as it was sent');
  });

  test('end with next on a page, and are an empty list without rows', async () => {
    const page = { ...streamOf(COLUMNS.slice(0, 1), [['a']]), next: () => 'abc' };
    assert.equal(await render('json', page), '{"data":[{"name":"a"}],"next":"abc"}\n');
    assert.equal(await render('json', streamOf(COLUMNS)), '{"data":[]}\n');
    assert.equal(await render('json', { ...streamOf(COLUMNS), next: () => null }), '{"data":[],"next":null}\n');
    assert.equal(await render('ndjson', streamOf(COLUMNS)), '');
    assert.equal(
      await render('ndjson', streamOf(COLUMNS.slice(1, 2), [[1], [2n ** 64n]])),
      '{"big":1}\n{"big":"18446744073709551616"}\n',
    );
  });

  test('of a single row are the bare object', async () => {
    const found = { columns: COLUMNS.slice(0, 2), row: ['a', 1] };
    for (const format of ['json', 'ndjson'] as const) {
      assert.equal(
        (await bytesOf(formatRow(found, { format, raw: false }).chunks)).toString(),
        '{"name":"a","big":1}\n',
      );
    }
    assert.equal(
      (await bytesOf(formatRow(found, { format: 'csv', raw: false }).chunks)).toString(),
      'name,big\r\na,1\r\n',
    );
  });

  test('are read from the store no faster than they are taken', async () => {
    let read = 0;
    const endless: RowStream = {
      columns: COLUMNS.slice(1, 2),
      chunks: (async function* () {
        for (;;) yield [[read++]];
      })(),
    };
    for (const format of ['json', 'ndjson', 'csv'] as const) {
      read = 0;
      const reader = formatRows(endless, { format, raw: false }).chunks[Symbol.asyncIterator]();
      await reader.next();
      await reader.next();
      assert.ok(read <= 2, `${format} read ${read} chunks for two`);
    }
  });
});

describe('rows as CSV', () => {
  test('follow RFC 4180, and tell null from the empty string', async () => {
    const lines = (await render('csv', streamOf(COLUMNS.slice(0, 4), ...ROWS.map((row) => [row.slice(0, 4)])))).split(
      '\r\n',
    );
    assert.deepEqual(lines, [
      'name,big,number,fare',
      '"a""b,c\nñ",9007199254740993,-0.1,12.345678901234567891',
      '"",7,1e+21,-1',
      ',,,',
      '',
    ]);
  });

  test('defuse text that a spreadsheet would run, unless raw, and leave numbers alone', async () => {
    const dangerous = ['=cmd()', '+1', '-1', '@x', '\tx', '\rx', 'a=b'];
    const stream = () =>
      streamOf(
        [COLUMNS[0], COLUMNS[2]].filter((column) => column !== undefined),
        dangerous.map((text) => [text, -1]),
      );
    const [, ...safe] = (await render('csv', stream())).trimEnd().split('\r\n');
    assert.deepEqual(safe, ["'=cmd(),-1", "'+1,-1", "'-1,-1", "'@x,-1", "'\tx,-1", '"\'\rx",-1', 'a=b,-1']);
    assert.match(await render('csv', stream(), true), /\r\n=cmd\(\),-1\r\n/);
  });
});

describe('rows as Parquet', () => {
  const parquet = (stream: RowStream) => bytesOf(formatRows(stream, { format: 'parquet', raw: false }).chunks);

  test('are read back by DuckDB with exact types and values', async () => {
    const bytes = await parquet(streamOf(COLUMNS, ROWS));
    const types = await readParquet(
      bytes,
      'SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet($file))',
    );
    assert.deepEqual(Object.fromEntries(types), {
      name: 'VARCHAR',
      big: 'BIGINT',
      number: 'DOUBLE',
      fare: 'DECIMAL(38,18)',
      late: 'BOOLEAN',
      at: 'TIMESTAMP WITH TIME ZONE',
      day: 'DATE',
      uid: 'UUID',
      extra: 'JSON',
    });
    const rows = await readParquet(bytes, 'SELECT COLUMNS(*)::VARCHAR FROM read_parquet($file)');
    assert.deepEqual(rows, [
      [
        'a"b,c\nñ',
        '9007199254740993',
        '-0.1',
        '12.345678901234567891',
        'true',
        '2026-01-31 08:00:00.000001+00',
        '2026-01-31',
        UUID,
        '{"x":1.50}',
      ],
      [
        '',
        '7',
        '1e+21',
        '-1.000000000000000000',
        'false',
        '1969-12-31 23:59:59.999+00',
        '1969-12-31',
        UUID,
        '[1, "two"]',
      ],
      [null, null, null, null, null, null, null, null, null],
    ]);
  });

  test('hold an integer of 128 bits as a decimal of 38 digits', async () => {
    const bytes = await parquet(streamOf(COLUMNS.slice(1, 2), [[2n ** 100n], [-(2n ** 100n)], [1]]));
    const rows = await readParquet(bytes, 'SELECT big::VARCHAR FROM read_parquet($file)');
    assert.deepEqual(rows, [['1267650600228229401496703205376'], ['-1267650600228229401496703205376'], ['1']]);
  });

  test('say so when an integer that fits no column comes too late', async () => {
    const small = Array.from({ length: 20_000 }, () => [1]);
    await assert.rejects(parquet(streamOf(COLUMNS.slice(1, 2), small, [[2n ** 100n]])), { code: 'result-too-large' });
  });

  test('are an empty table without rows', async () => {
    const bytes = await parquet(streamOf(COLUMNS));
    assert.deepEqual(await readParquet(bytes, 'SELECT count(*)::INTEGER FROM read_parquet($file)'), [[0]]);
  });

  test('come in row groups, each given away before the next is read', async () => {
    let read = 0;
    const stream: RowStream = {
      columns: COLUMNS.slice(0, 2),
      chunks: (async function* () {
        for (; read < 100_000; read += 2_000)
          yield Array.from({ length: 2_000 }, (_, n) => [`row ${read + n}`, read + n]);
      })(),
    };
    const pieces: Buffer[] = [];
    for await (const piece of formatRows(stream, { format: 'parquet', raw: false }).chunks) {
      assert.ok(read <= 20_000 * (pieces.length + 1));
      pieces.push(piece);
    }
    assert.equal(pieces.length, 6);
    const sql = 'SELECT count(*)::INTEGER, count(DISTINCT name)::INTEGER, sum(big)::BIGINT FROM read_parquet($file)';
    assert.deepEqual(await readParquet(Buffer.concat(pieces), sql), [[100_000, 100_000, 4_999_950_000n]]);
  });
});

describe('the format', () => {
  const CHOSEN: readonly (readonly [string | undefined, string | undefined, Format])[] = [
    [undefined, undefined, 'json'],
    ['*/*', undefined, 'json'],
    ['text/csv', undefined, 'csv'],
    ['text/*', undefined, 'csv'],
    ['application/x-ndjson', undefined, 'ndjson'],
    ['application/vnd.apache.parquet', undefined, 'parquet'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', undefined, 'json'],
    ['application/json;q=0.5, text/csv;q=0.9', undefined, 'csv'],
    ['text/xml, */*;q=0.1', undefined, 'json'],
    ['text/xml', 'csv', 'csv'],
  ];
  for (const [accept, parameter, format] of CHOSEN) {
    test(`is ${format} for Accept ${accept} and format ${parameter}`, () => {
      assert.equal(chooseFormat(accept, parameter), format);
    });
  }

  test('is refused when it is not ours to give', () => {
    for (const accept of ['text/xml', '*/*;q=0', 'application/json;q=0', 'text/csv;q=2']) {
      assert.throws(() => chooseFormat(accept, undefined), { code: 'not-acceptable' }, accept);
    }
    for (const format of ['parquet;../../x', 'xml', '', 'JSON']) {
      assert.throws(() => chooseFormat(undefined, format), { code: 'invalid-parameter' }, format);
    }
    assert.throws(() => chooseForm(undefined, [['raw', 'yes']]), { code: 'invalid-parameter' });
    assert.throws(
      () =>
        chooseForm(undefined, [
          ['format', 'csv'],
          ['format', 'csv'],
        ]),
      { code: 'invalid-parameter' },
    );
    assert.deepEqual(
      chooseForm(undefined, [
        ['format', 'csv'],
        ['raw', 'true'],
        ['a', '1'],
      ]),
      { format: 'csv', raw: true },
    );
  });
});
