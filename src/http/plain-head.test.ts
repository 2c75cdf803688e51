import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { rawRequest } from '../../test/support/raw-http.ts';
import { type HeadRead, HeadReader, readPlainHead } from './plain-head.ts';

const HEAD = [
  'POST /v1/events/orders HTTP/1.1',
  'Host: azud.example:8080',
  'user-agent: a client/1.0',
  'Content-Type: application/json',
  'Idempotency-Key:  k-1 ',
  'content-length: 7',
  '',
  '',
].join('\r\n');

const read = (text: string): HeadRead => readPlainHead(Buffer.from(text, 'latin1'), 16_384);

test('a plain head is read: path, headers without the space around them, length', () => {
  assert.deepEqual(read(`${HEAD}{"n":1}`), {
    path: '/v1/events/orders',
    headers: {
      host: 'azud.example:8080',
      'user-agent': 'a client/1.0',
      'content-type': 'application/json',
      'idempotency-key': 'k-1',
      'content-length': '7',
    },
    bytes: HEAD.length,
    bodyBytes: 7,
  });
});

test('a head that is not whole is partial at every byte, until it has become too long', () => {
  for (let at = 1; at < HEAD.length; at += 1) assert.equal(read(HEAD.slice(0, at)), 'partial');
  assert.equal(readPlainHead(Buffer.from(HEAD.slice(0, 100)), 100), 'other');
  assert.equal(readPlainHead(Buffer.from(HEAD), 100), 'other');
});

const OTHERS: Readonly<Record<string, string>> = {
  'another method': HEAD.replace('POST', 'PUT'),
  'a method that begins alike': HEAD.replace('POST ', 'POSTS'),
  'HTTP/1.0': HEAD.replace('HTTP/1.1', 'HTTP/1.0'),
  'no path': HEAD.replace('/v1', 'v1'),
  'a line that ends with LF': HEAD.replace('\r\nuser', '\nuser'),
  'a CR inside of a line': HEAD.replace('a client', 'a\rclient'),
  'a NUL': HEAD.replace('a client', 'a\0client'),
  'a byte beyond ASCII': HEAD.replace('a client', 'é'),
  'a space before the colon': HEAD.replace('user-agent:', 'user-agent :'),
  'a folded line': HEAD.replace('user-agent: a', 'user-agent:\r\n a'),
  'a header that is not known': HEAD.replace('user-agent', 'x-odd'),
  'a header of CloudEvents': HEAD.replace('user-agent', 'ce-id'),
  __proto__: HEAD.replace('user-agent', '__proto__'),
  'a header that stands twice': HEAD.replace('user-agent: a client/1.0', 'content-type: text/csv'),
  'a length that stands twice': HEAD.replace('user-agent: a client/1.0', 'content-length: 8'),
  'a transfer coding': HEAD.replace('user-agent: a client/1.0', 'transfer-encoding: chunked'),
  'a content coding': HEAD.replace('user-agent: a client/1.0', 'content-encoding: gzip'),
  'an expectation': HEAD.replace('user-agent: a client/1.0', 'expect: 100-continue'),
  'an upgrade': HEAD.replace('user-agent: a client/1.0', 'upgrade: h2c'),
  'a connection that ends': HEAD.replace('user-agent: a client/1.0', 'connection: close'),
  'no Host': HEAD.replace('Host: azud.example:8080\r\n', ''),
  'no length': HEAD.replace('content-length: 7\r\n', ''),
  'a length of nothing': HEAD.replace('content-length: 7', 'content-length: 0'),
  'a length with a sign': HEAD.replace('content-length: 7', 'content-length: +7'),
  'a length of 5,5': HEAD.replace('content-length: 7', 'content-length: 5,5'),
  'a length of ten digits': HEAD.replace('content-length: 7', 'content-length: 7777777777'),
  'no header': 'POST / HTTP/1.1\r\n\r\n',
};

for (const [name, text] of Object.entries(OTHERS)) {
  test(`not plain: ${name}`, () => assert.equal(read(text), 'other'));
}

test('a method that is none of ours is known from its first byte', () => {
  assert.equal(read('G'), 'other');
  assert.equal(read('POSTS'), 'other');
});

const CHANGES: readonly [string | RegExp, readonly string[]][] = [
  [
    /content-length: 7/,
    ['Content-Length:\t 7 ', 'content-length: 12', 'content-length: 0', 'content-length: 01', 'x-length: 7'],
  ],
  [/7\r\n/, ['8\r\n', '77\r\n', '0\r\n', 'x\r\n', '1\r\nhost: y\r\n', '\r\n']],
  ['orders', ['orderz', 'clients', 'orders?a=1']],
  ['k-1', ['k-2', 'content-length: 9', '\r\ncontent-length: 7']],
  ['Host', ['host', 'Hosts']],
  [/\r\n\r\n$/, ['\r\n', '\r\n\r\n{"n":1}', '\r\nx']],
];

test('heads of one connection are read as each would be alone, whatever came before', () => {
  const change = fc
    .constantFrom(...CHANGES)
    .chain(([from, to]) => fc.constantFrom(...to).map((text) => (head: string) => head.replace(from, text)));
  const head = fc.array(change, { maxLength: 2 }).map((changes) => changes.reduce((text, each) => each(text), HEAD));
  fc.assert(
    fc.property(fc.array(head, { minLength: 2, maxLength: 6 }), (heads) => {
      const reader = new HeadReader();
      for (const text of heads) {
        const bytes = Buffer.from(`${text}{"n":1}`, 'latin1');
        assert.deepEqual(reader.read(bytes, 16_384), readPlainHead(bytes, 16_384));
      }
    }),
    { numRuns: 2_000 },
  );
});

test("whatever is read as plain, Node's server reads the same way", async () => {
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    incoming.resume().on('end', () => outgoing.end(JSON.stringify({ method, url, headers })));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const odd = fc.constantFrom(
    ...'\r\n\t :;,/?#%"\\\0\x7f\x80azAZ09-_+.',
    '\r\n',
    '\r\n\r\n',
    '\r\nhost: y',
    ' HTTP/1.1',
  );
  const change = fc.record({
    at: fc.nat(HEAD.length - 1),
    removed: fc.nat(3),
    added: fc.array(odd, { maxLength: 3 }),
  });
  let plain = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 2 }), async (changes) => {
      const text = changes.reduce(
        (head, { at, removed, added }) => head.slice(0, at) + added.join('') + head.slice(at + removed),
        HEAD,
      );
      const head = read(text);
      if (typeof head === 'string') return;
      plain += 1;
      const answer = await rawRequest(
        port,
        Buffer.from(text.slice(0, head.bytes) + 'x'.repeat(head.bodyBytes), 'latin1'),
      );
      const seen = JSON.parse(answer.body) as { method: string; url: string; headers: IncomingHttpHeaders };
      assert.deepEqual(seen, { method: 'POST', url: head.path, headers: head.headers });
    }),
    { numRuns: 3_000 },
  );
  server.close();
  assert.ok(plain > 300, `only ${plain} of the heads were plain`);
});
