import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startInMemory } from '../../test/support/memory.ts';
import type { RunningAzud } from '../app/start.ts';
import { allows, type RequiredScope } from './auth.ts';

/** Every documented route × every kind of token: what OpenAPI says of scopes is what the door does. */

const SCOPES = [
  'admin',
  'intake:*',
  'intake:orders',
  'intake:parcels',
  'query:*',
  'query:orders',
  'query:orders_by_customer',
  'dead-letters',
  'metrics',
  'sql',
] as const;

const tokenOf = (scope: string) => `test-token-of-${scope.replaceAll(/\W/g, '-')}`;
const ID = '018f2f6e-9a51-7cc0-8e6b-0123456789ab';
const VALUES: Readonly<Record<string, string>> = { dataset: 'orders', name: 'orders', code: 'internal' };

interface Operation {
  readonly description: string;
  readonly security: readonly object[];
}

let azud: RunningAzud;
let operations: { method: string; path: string; required: RequiredScope }[];

before(async () => {
  const tokens = SCOPES.map((scope) => ({
    name: scope.replaceAll(/\W/g, '_'),
    secret: tokenOf(scope),
    scopes: [scope],
  }));
  azud = await startInMemory({ auth: { tokens } });
  const document = (await (await fetch(`${azud.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, Operation>>;
  };
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => VALUES[name] ?? ID),
      required: requiredScope(operation),
    })),
  );
});

after(() => azud.close());

function requiredScope({ description, security }: Operation): RequiredScope {
  if (security.length === 0) return 'public';
  const scope = /Scope: `(.+)`\.$/.exec(description)?.[1] ?? assert.fail(`no scope in: ${description}`);
  // Routes that decide by what they find answer any token; tests of their own hold them.
  if (/ or |each event/.test(scope)) return 'any';
  return scope.replaceAll(/\{(\w+)\}/g, (_, name: string) => VALUES[name] ?? name) as RequiredScope;
}

function ask(method: string, path: string, authorization?: string): Promise<Response> {
  return fetch(azud.url + path, {
    method,
    headers: { ...(authorization && { authorization }), 'content-type': 'application/json' },
    ...(method === 'POST' && { body: '{}' }),
  });
}

test('every route that is not public refuses a request without a valid token, always in the same words', async () => {
  const bodies = new Set<string>();
  for (const { method, path, required } of operations) {
    for (const authorization of [undefined, 'Bearer no-such-token-anywhere', `Basic ${tokenOf('admin')}`]) {
      const answer = await ask(method, path, authorization);
      if (required === 'public') {
        assert.ok(answer.status < 400, `${method} ${path} answered ${answer.status}`);
        continue;
      }
      assert.equal(answer.status, 401, `${method} ${path}`);
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="azud"');
      const problem = (await answer.json()) as { request_id?: string };
      delete problem.request_id;
      bodies.add(JSON.stringify(problem));
    }
  }
  assert.equal(bodies.size, 1);
});

for (const scope of SCOPES) {
  test(`a token with the scope ${scope} gets 403, naming the scope needed, exactly where it does not reach`, async () => {
    for (const { method, path, required } of operations) {
      const answer = await ask(method, path, `Bearer ${tokenOf(scope)}`);
      const body = await answer.text();
      const allowed = allows({ name: scope, scopes: [scope] }, required);
      assert.equal(answer.status !== 403, allowed, `${method} ${path} needs ${required}, answered ${answer.status}`);
      if (!allowed) assert.ok(JSON.parse(body).detail.includes(required), body);
      assert.notEqual(answer.status, 401);
      assert.ok(answer.status < 500 || path === '/readyz' || body.includes('answers no SQL'), `${path}: ${body}`);
    }
  });
}

test('a token in the query string is no token', async () => {
  const answer = await ask('GET', `/v1/datasets?access_token=${tokenOf('admin')}`);
  assert.equal(answer.status, 401);
});

test('a transaction is found by those who may write or read its dataset, and is nowhere for the others', async () => {
  const taken = await ask('POST', '/v1/events/orders?wait=stored', `Bearer ${tokenOf('intake:orders')}`);
  assert.equal(taken.status, 422);
  const sent = await fetch(`${azud.url}/v1/events/orders?wait=stored`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokenOf('intake:orders')}`, 'content-type': 'application/json' },
    body: '{"n":1}',
  });
  assert.equal(sent.status, 200);
  const { transaction_id: id } = (await sent.json()) as { transaction_id: string };
  const statusFor = async (scope: string) =>
    (await ask('GET', `/v1/transactions/${id}`, `Bearer ${tokenOf(scope)}`)).status;
  assert.deepEqual(
    await Promise.all(['intake:orders', 'query:orders', 'query:*', 'admin'].map(statusFor)),
    [200, 200, 200, 200],
  );
  assert.deepEqual(await Promise.all(['intake:parcels', 'dead-letters', 'metrics'].map(statusFor)), [404, 404, 404]);
});

test('the list of datasets holds those that the token may read', async () => {
  const answer = await ask('GET', '/v1/datasets', `Bearer ${tokenOf('query:orders')}`);
  const { data } = (await answer.json()) as { data: { dataset: string }[] };
  assert.deepEqual(
    data.map(({ dataset }) => dataset),
    ['orders'],
  );
});

test('a CloudEvent of a dataset that the token may not write to is refused', async () => {
  const event = (type: string) =>
    JSON.stringify({ specversion: '1.0', id: '1', source: '/t', type, data: { n: 1, id: 'a' } });
  const send = (type: string) =>
    fetch(`${azud.url}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokenOf('intake:orders')}`, 'content-type': 'application/cloudevents+json' },
      body: event(type),
    });
  assert.equal((await send('orders')).status, 202);
  assert.equal((await send('parcels')).status, 403);
});
