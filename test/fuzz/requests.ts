import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { Operation } from './document.ts';
import { mutated } from './edits.ts';

/** One odd request, as data: the same seed gives the same bytes. */
export interface OddRequest {
  readonly what: string;
  readonly head: boolean;
  /** Whole requests get an answer; after bytes that are none the connection may just close. */
  readonly whole: boolean;
  readonly bytes: Buffer;
}

/** Values that have hurt somebody's server somewhere. */
const ODD = [
  ...['', ' ', '0', '-0', '-1', '1', '01', '1.0', '1e309', '0x10', 'NaN', 'Infinity', 'null', 'true', 'yes', '١', ' 1'],
  ...['9'.repeat(40), '9'.repeat(400), '9223372036854775808', '2026-02-30', '2026-01-01T00:00:00Z', '-271821-04-20'],
  ...[
    "' OR '1'='1",
    "1'; DROP TABLE orders; --",
    '$1',
    '{{x}}',
    `$${'{x}'}`,
    '__proto__',
    'constructor',
    '\\',
    '"',
    '%',
    '_',
  ],
  ...[
    '../../etc/passwd',
    '/etc/passwd',
    'a/b',
    '.',
    '..',
    'a\u0000b',
    '\r\nX: y',
    '<script>',
    '\u202e',
    '😀',
    'ñ',
    '\ud7ff',
  ],
  ...['eq.1', 'in.(1,2)', 'in.("a', 'like.%', 'is.null', 'is.1', 'gt.', 'eq', '.', 'eq.eq.1', 'json', 'csv', 'parquet'],
  ...[
    'orders',
    'parcels',
    'customers',
    'n',
    'id',
    '-n',
    'n,customer',
    'n,n',
    '_received_at',
    'select',
    '10s',
    '1ms',
    '24h',
  ],
  'x'.repeat(200),
  'x'.repeat(9_000),
] as const;
const HEADERS = [
  ...['Accept', 'Accept-Encoding', 'Content-Type', 'Content-Encoding', 'Idempotency-Key', 'If-None-Match', 'Range'],
  ...['Authorization', 'Cookie', 'Origin', 'X-Forwarded-For', 'X-Azud-Principal', 'X-Azud-Request-Id', 'X-Request-Id'],
  ...['__proto__', 'Constructor', 'Upgrade', 'TE', 'Trailer', 'Via', 'Forwarded', 'ce-id', 'ce-type', 'ce-source'],
] as const;
const TYPES = [
  ...['application/json', 'application/x-ndjson', 'text/csv', 'application/cloudevents+json', 'application/sql'],
  ...['application/cloudevents-batch+json', 'application/json; charset=utf-8', 'application/json;charset=utf-16'],
  ...['text/plain', 'multipart/form-data; boundary=x', 'application/xml', '', ';', 'a'.repeat(300), 'application/*'],
] as const;
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND'] as const;
const BODIES = [
  ...[
    '',
    '{}',
    '[]',
    'null',
    '{"n":1}',
    '[{"n":1},{"n":2}]',
    '{"n":1}\n{"n":2}\n',
    'n,customer\n1,a\n2,b\n',
    '{"id":"a"}',
  ],
  ...[
    '{"n":1,"n":2}',
    '{"__proto__":1}',
    '{"n":1e400}',
    `{"n":${'9'.repeat(70)}}`,
    '{"n":"\\ud800"}',
    '{"n":1,"x":"\\u0000"}',
  ],
  ...[
    `${'['.repeat(100)}`,
    `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`,
    '{"filter":{}}',
    '{"event":{"n":1}}',
    '{"reason":"x","filter":{}}',
  ],
  ...[
    '{"specversion":"1.0","id":"1","source":"/t","type":"orders","data":{"n":1}}',
    '{"filter":{},"patch":[],"dry_run":true}',
  ],
  ...[
    'SELECT 1',
    '{"sql":"SELECT count(*) FROM orders"}',
    '{"sql":"SELECT $a","params":{"a":[1]}}',
    '"',
    '\ufeff{"n":1}',
    'n\n"1',
  ],
] as const;

/** Requests made from the operations that the server documents, and from what no document mentions. */
export function oddRequests(operations: readonly Operation[], cursor: string): fc.Arbitrary<OddRequest> {
  const odd = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...ODD) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.toWellFormed()) },
    { weight: 1, arbitrary: mutated(fc.constant(Buffer.from(cursor))).map((bytes) => bytes.toString('latin1')) },
  );
  // A query of SQL is a process: a few of them say as much as many.
  const slow = operations.filter(({ path }) => path === '/v1/sql');
  const quick = operations.filter((each) => !slow.includes(each));
  const intake = quick.filter(({ path }) => path.startsWith('/v1/events'));
  const operation = fc.oneof(
    { weight: 200, arbitrary: fc.constantFrom(...quick) },
    { weight: 150, arbitrary: fc.constantFrom(...intake) },
    { weight: slow.length, arbitrary: fc.constantFrom(...(slow.length > 0 ? slow : quick)) },
  );
  const request = operation.chain((known) =>
    fc.tuple(line(known, odd), headers(known, odd), body(known)).map(assemble),
  );
  return fc.oneof({ weight: 12, arbitrary: request }, { weight: 1, arbitrary: broken(request) });
}

interface Line {
  readonly method: string;
  readonly target: string;
  readonly version: string;
}

function line(known: Operation, odd: fc.Arbitrary<string>): fc.Arbitrary<Line> {
  const method = fc.oneof(
    { weight: 9, arbitrary: fc.constant(known.method) },
    { weight: 1, arbitrary: fc.constantFrom(...METHODS) },
  );
  const value = fc.oneof(
    { weight: 2, arbitrary: odd },
    { weight: 3, arbitrary: fc.constantFrom('orders', 'parcels', 'customers') },
  );
  const path = fc
    .tuple(fc.array(value, { minLength: 4, maxLength: 4 }), fc.integer({ min: 0, max: 30 }))
    .map(([values, oddness]) => {
      let nth = 0;
      const filled = known.path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(values[nth++] ?? ''));
      return oddness === 0
        ? `${filled}/`
        : oddness === 1
          ? filled.toUpperCase()
          : oddness === 2
            ? `${filled}%zz`
            : filled;
    });
  const name = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...known.query, 'n', 'customer') },
    { weight: 1, arbitrary: odd },
  );
  const pairs = fc.oneof(
    fc.constant<[string, string][]>([]),
    fc.array(fc.tuple(name, odd), { minLength: 1, maxLength: 4 }),
  );
  const version = fc.constantFrom('1.1', '1.1', '1.1', '1.1', '1.0');
  return fc.tuple(method, path, pairs, version).map(([verb, where, query, http]) => {
    const text = query.map(([key, its]) => `${encodeURIComponent(key)}=${encodeURIComponent(its)}`).join('&');
    return { method: verb, target: where + (text === '' ? '' : `?${text}`), version: http };
  });
}

/** Header values as bytes that may stand in a header: what may not is for the broken ones. */
const headerText = (text: string): string =>
  Buffer.from(text)
    .toString('latin1')
    .replaceAll(/\p{Cc}/gu, '');

function headers(known: Operation, odd: fc.Arbitrary<string>): fc.Arbitrary<readonly string[]> {
  const name = fc.constantFrom(...HEADERS, ...known.headers);
  const other = fc.tuple(name, odd).map(([key, value]) => `${key}: ${headerText(value)}`);
  const type = fc
    .oneof(
      { weight: 4, arbitrary: fc.constantFrom(...known.types, 'application/json') },
      { weight: 1, arbitrary: fc.constantFrom(...TYPES) },
    )
    .map((value) => `Content-Type: ${value}`);
  return fc.tuple(type, fc.array(other, { maxLength: 3 })).map(([first, rest]) => [first, ...rest]);
}

interface Body {
  readonly bytes: Buffer;
  readonly lines: readonly string[];
  readonly framing: 'length' | 'chunked';
}

function body({ method }: Operation): fc.Arbitrary<Body> {
  const text = fc.constantFrom(...BODIES).map((its) => Buffer.from(its));
  const json = fc.json({ maxDepth: 4 }).map((its) => Buffer.from(its));
  const rows = fc
    .array(fc.record({ n: fc.oneof(fc.integer(), fc.string(), fc.double()), customer: fc.string() }), { maxLength: 20 })
    .map((its) => Buffer.from(JSON.stringify(its)));
  const noise = fc.uint8Array({ maxLength: 200 }).map((its) => Buffer.from(its));
  const plain = fc.oneof(text, text, mutated(text), json, rows, mutated(rows), noise);
  const encoding = fc.oneof(
    { weight: 8, arbitrary: plain.map((bytes) => ({ bytes, lines: [] as string[] })) },
    { weight: 1, arbitrary: plain.map((bytes) => ({ bytes: gzipSync(bytes), lines: ['Content-Encoding: gzip'] })) },
    {
      weight: 1,
      arbitrary: mutated(plain.map((bytes) => gzipSync(bytes))).map((bytes) => ({
        bytes,
        lines: ['Content-Encoding: gzip'],
      })),
    },
    {
      weight: 1,
      arbitrary: plain.map((bytes) => ({ bytes: deflateSync(bytes), lines: ['Content-Encoding: deflate'] })),
    },
    { weight: 1, arbitrary: plain.map((bytes) => ({ bytes, lines: ['Content-Encoding: br'] })) },
  );
  const framing = fc.constantFrom('length', 'length', 'length', 'chunked') as fc.Arbitrary<Body['framing']>;
  const none = { bytes: Buffer.alloc(0), lines: [], framing: 'length' } as const;
  const some = fc.tuple(encoding, framing).map(([its, how]) => ({ ...its, framing: how }));
  return method === 'GET'
    ? fc.oneof({ weight: 9, arbitrary: fc.constant(none) }, { weight: 1, arbitrary: some })
    : some;
}

function assemble([{ method, target, version }, fields, { bytes, lines, framing }]: [
  Line,
  readonly string[],
  Body,
]): OddRequest {
  const head = [`${method} ${target} HTTP/${version}`, 'Host: azud', ...fields, ...lines];
  // HTTP/1.0 knows no chunks.
  const chunked = framing === 'chunked' && version === '1.1';
  if (chunked) head.push('Transfer-Encoding: chunked');
  else if (bytes.length > 0 || method !== 'GET') head.push(`Content-Length: ${bytes.length}`);
  const begin = Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1');
  return {
    what: `${method} ${target.slice(0, 300)} (${fields.join('; ').slice(0, 300)}), ${bytes.length} bytes`,
    head: method === 'HEAD',
    whole: true,
    bytes: Buffer.concat([begin, chunked ? chunksOf(bytes) : bytes]),
  };
}

function chunksOf(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 7) {
    const part = bytes.subarray(at, at + 7);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

/** Bytes that are hardly HTTP any more: smuggling, bare line ends, folded headers, cut heads. */
function broken(request: fc.Arbitrary<OddRequest>): fc.Arbitrary<OddRequest> {
  return mutated(request.map(({ bytes }) => bytes)).map((bytes) => ({
    what: `broken: ${JSON.stringify(bytes.toString('latin1', 0, 300))}`,
    head: false,
    whole: false,
    bytes,
  }));
}
