import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { type Client, clientOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { type System, startSystem } from '../support/system.ts';

/** Ad-hoc SQL from outside: formats, refusals, limits, and what the rest of the system notices of it. */
const SECRETS = { analyst: 'the-token-of-the-analyst', other: 'the-token-of-another', reader: 'the-token-of-a-reader' };
const bearer = (name: keyof typeof SECRETS) => ({ authorization: `Bearer ${SECRETS[name]}` });
const MAIN = resolve(import.meta.dirname, '../../src/main.ts');
const CROSS = 'SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3';

let system: System;
let client: Client;

before(async () => {
  const token = (name: keyof typeof SECRETS, scopes: readonly string[]) => ({ name, secret: SECRETS[name], scopes });
  system = await startSystem({
    config: {
      ...ORDERS_CONFIG,
      sql: { max_age: '0s', timeout: '6s', memory_limit: '128MiB' },
      auth: {
        tokens: [
          token('analyst', ['sql', 'intake:*', 'metrics']),
          token('other', ['sql']),
          token('reader', ['query:*']),
        ],
      },
    },
  });
  client = clientOf(system.url);
  const events = Array.from({ length: 100 }, (_, n) => ({ n, customer: `c${n % 3}`, amount: n / 2 }));
  const sent = await client.post('/v1/events/orders?wait=stored', events, bearer('analyst'));
  assert.equal(sent.status, 200, sent.text);
});
after(() => system.stop());

const ask = (sql: string, more: { params?: object; format?: string; who?: keyof typeof SECRETS } = {}) =>
  client.post(
    `/v1/sql${more.format ? `?format=${more.format}` : ''}`,
    { sql, ...(more.params && { params: more.params }) },
    bearer(more.who ?? 'analyst'),
  );

test('one SELECT, its values bound, in every format, with the moment that it is of', async () => {
  const sql =
    'SELECT customer, count(*) AS orders, sum(amount) AS amount FROM orders WHERE n < $n GROUP BY 1 ORDER BY 1';
  const answer = await ask(sql, { params: { n: 9 } });
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.json.data, [
    { customer: 'c0', orders: 3, amount: 4.5 },
    { customer: 'c1', orders: 3, amount: 6 },
    { customer: 'c2', orders: 3, amount: 7.5 },
  ]);
  const asOf = answer.headers.get('azud-as-of') ?? '';
  assert.equal(answer.json.as_of, asOf);
  assert.ok(Math.abs(Date.parse(asOf) - Date.parse(answer.headers.get('date') ?? '')) < 60_000);
  const csv = await ask(sql, { params: { n: 1 }, format: 'csv' });
  assert.equal(csv.text, 'customer,orders,amount\r\nc0,1,0\r\n');
  const ndjson = await ask(sql, { params: { n: 1 }, format: 'ndjson' });
  assert.equal(ndjson.text, '{"customer":"c0","orders":1,"amount":0}\n');
  const parquet = await ask(sql, { params: { n: 1 }, format: 'parquet' });
  assert.ok(parquet.text.startsWith('PAR1') && parquet.text.endsWith('PAR1'));
  const plain = await client.post('/v1/sql', 'SELECT 12345678901234567890 AS big', {
    ...bearer('analyst'),
    'content-type': 'application/sql',
  });
  assert.deepEqual(plain.json.data, [{ big: '12345678901234567890' }]);
});

test('what is written is there in the next answer once the copy is renewed', async () => {
  await client.post('/v1/events/parcels?wait=stored', { id: 'p1' }, bearer('analyst'));
  await eventually(async () => {
    const { json } = await ask('SELECT count(*) AS parcels FROM parcels');
    assert.deepEqual(json.data, [{ parcels: 1 }]);
  });
});

const REFUSED = [
  ['DELETE FROM orders', 403, 'statement-not-allowed'],
  ['SELECT 1; SELECT 2', 403, 'statement-not-allowed'],
  ["SELECT * FROM read_csv('/etc/passwd')", 403, 'function-not-allowed'],
  ["SELECT getenv('HOME')", 403, 'function-not-allowed'],
  ['SELECT * FROM nothing', 400, 'sql-failed'],
  ['', 400, 'empty-body'],
  [`SELECT ${'1 OR '.repeat(20_000)} 1`, 400, 'sql-too-large'],
  [`SELECT '${'x'.repeat(5_000_000)}'`, 400, 'sql-too-large'],
  ['SELECT range FROM range(100001)', 413, 'result-too-large'],
  ["SELECT repeat('x', 20000000)", 413, 'result-too-large'],
  ['SELECT list(range) FROM range(300000000)', 503, 'query-memory'],
  [CROSS, 504, 'query-timeout'],
] as const;

for (const [sql, status, code] of REFUSED) {
  test(`refused: ${status} ${code} for ${sql.slice(0, 60)}`, async () => {
    const answer = await ask(sql);
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.json.code, code);
    assert.equal(answer.headers.get('retry-after') !== null, status === 503);
  });
}

test('the door: other types, other members, other scopes, other methods', async () => {
  const typed = await client.post('/v1/sql', 'SELECT 1', { ...bearer('analyst'), 'content-type': 'text/plain' });
  assert.equal(typed.status, 415);
  const member = await client.post('/v1/sql', { sql: 'SELECT 1', user: 'x' }, bearer('analyst'));
  assert.deepEqual([member.status, member.json.code], [400, 'invalid-parameter']);
  assert.equal((await ask('SELECT 1', { who: 'reader' })).status, 403);
  assert.equal((await client.post('/v1/sql', { sql: 'SELECT 1' })).status, 401);
  assert.equal((await client.get('/v1/sql', bearer('analyst'))).status, 405);
});

test('azud sql prints a table, or bytes in a format', async () => {
  const azud = async (...words: string[]) => {
    const argv = [MAIN, 'sql', ...words, '--url', system.url, '--token', SECRETS.analyst];
    return (await promisify(execFile)(process.execPath, argv)).stdout;
  };
  const sql = 'SELECT customer, count(*) AS orders FROM orders WHERE n < $n GROUP BY 1 ORDER BY 1';
  assert.equal(
    await azud(sql, '--param', 'n=5'),
    'customer  orders\nc0             2\nc1             2\nc2             1\n',
  );
  assert.equal(await azud(sql, '-p', 'n=1', '--format', 'csv'), 'customer,orders\r\nc0,1\r\n');
  await assert.rejects(azud('DELETE FROM orders'), /not a SELECT/);
});

test('one token may run two at once and finds its third refused, while another still has a seat', async () => {
  const heavy = Array.from({ length: 20 }, () => ask(CROSS));
  await eventually(async () => assert.equal((await ask('SELECT 1', { who: 'other' })).status, 200));
  const statuses = (await Promise.all(heavy)).map(({ status, headers }) => {
    assert.equal(headers.get('retry-after') !== null, status === 429);
    return status;
  });
  assert.deepEqual(new Set(statuses), new Set([429, 504]));
  assert.equal(statuses.filter((status) => status === 504).length, 2);
});

test('all of it is audited, without a word of the queries, and analytics has lived through it', async () => {
  const audits = system.logs.split('\n').filter((line) => line.includes('"action":"sql"'));
  assert.ok(audits.length >= REFUSED.length);
  const last = JSON.parse(audits.at(-1) ?? '{}');
  assert.equal(last.sha256.length, 64);
  assert.ok(audits.some((line) => JSON.parse(line).actor === 'other'));
  assert.ok(!/read_csv|range\(|passwd/.test(system.logs));
  assert.ok(!system.logs.includes('a process died'));
});
