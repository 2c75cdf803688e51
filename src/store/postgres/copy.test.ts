import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Client } from 'pg';
import { asSuperuser, Cluster, POSTGRES_URL } from '../../../test/support/postgres.ts';
import { TcpProxy } from '../../../test/support/tcp-proxy.ts';
import { copyInto } from './copy.ts';

let client: Client;
beforeEach(async () => {
  client = new Client({ connectionString: POSTGRES_URL });
  client.on('error', () => {});
  await client.connect();
  await client.query('CREATE TEMP TABLE lines (line text)');
});
afterEach(() => client.end());

const LINES = { into: 'lines', format: 'text' } as const;
/** More than a stream takes without waiting. */
const LARGE = Buffer.from(`${'x'.repeat(200_000)}\n`);

test('what the server refuses before it takes anything fails, and the connection goes on', async () => {
  await assert.rejects(copyInto(client, { ...LINES, into: 'no_such_table' }, [LARGE, LARGE]), { code: '42P01' });
  await copyInto(client, LINES, [LARGE, LARGE]);
  assert.equal((await client.query('SELECT count(*)::int AS n FROM lines')).rows[0].n, 2);
});

test('parts that fail leave nothing behind, and the connection goes on', async () => {
  function* parts() {
    yield LARGE;
    throw new Error('no more');
  }
  await assert.rejects(copyInto(client, LINES, parts()), /no more/);
  assert.equal((await client.query('SELECT count(*)::int AS n FROM lines')).rows[0].n, 0);
});

test('a connection that breaks before the server has answered fails at once', async () => {
  const cluster = await Cluster.start();
  const proxy = await TcpProxy.start(() => Number(new URL(cluster.url).port));
  const url = new URL(cluster.url);
  url.port = String(proxy.port);
  const far = new Client({ connectionString: url.href });
  far.on('error', () => {});
  await far.connect();
  await far.query('CREATE TABLE lines (line text)');
  // Whoever waits for the lock has not been answered.
  const holder = new Client({ connectionString: cluster.url });
  await holder.connect();
  await holder.query('BEGIN; LOCK TABLE lines');
  const copying = copyInto(far, LINES, [LARGE, LARGE]);
  const failed = assert.rejects(copying);
  proxy.cut();
  await failed;
  await holder.end();
  assert.equal((await asSuperuser('SELECT count(*)::int AS n FROM lines', cluster.url))[0]?.n, 0);
  await proxy.close();
  await cluster.remove();
});
