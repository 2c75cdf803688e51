import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startInMemory } from '../../test/support/memory.ts';
import type { RunningAzud } from '../app/start.ts';
import { CATALOGUE } from '../error/catalogue.ts';

interface Schema {
  readonly $ref?: string;
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

let azud: RunningAzud;
let document: Document;
let docs: string;

before(async () => {
  azud = await startInMemory();
  document = (await (await fetch(`${azud.url}/openapi.json`)).json()) as Document;
  docs = await (await fetch(`${azud.url}/docs`)).text();
});

after(() => azud.close());

function operations(): { path: string; method: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
}

test('the contract stands in the OpenAPI document, with every dataset and every endpoint', () => {
  assert.equal(document.openapi, '3.1.0');
  const routes = new Set(operations().map(({ path, method }) => `${method.toUpperCase()} ${path}`));
  const contract = [
    'POST /v1/events',
    'POST /v1/events/{dataset}',
    'POST /v1/events/orders',
    'GET /v1/transactions/{transaction_id}',
    'GET /v1/datasets',
    'GET /v1/datasets/{dataset}',
    'GET /v1/datasets/{dataset}/rows',
    'GET /v1/datasets/{dataset}/rows/{id}',
    'GET /v1/endpoints/{name}',
    'GET /v1/endpoints/orders_by_customer',
    'GET /v1/dead-letters',
    'GET /v1/dead-letters/{id}',
    'POST /v1/dead-letters/{id}/replay',
    'POST /v1/dead-letters/replay',
    'POST /v1/dead-letters/discard',
    'GET /healthz',
    'GET /healthcheck',
    'GET /readyz',
    'GET /metrics',
    'GET /v1/durability',
    'GET /v1/conservation',
    'GET /openapi.json',
    'GET /docs',
    'GET /problems/{code}',
  ];
  assert.deepEqual(
    contract.filter((route) => !routes.has(route)),
    [],
  );
});

test('every operation has an id of its own, a summary, its path parameters and its answers', () => {
  const ids = operations().map(({ operation }) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length);
  for (const { path, operation } of operations()) {
    assert.ok(operation.summary.length > 0, path);
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const declared = operation.parameters.filter((parameter) => parameter.in === 'path');
    assert.deepEqual(
      declared.map(({ name }) => name),
      inPath,
      path,
    );
    assert.ok(
      declared.every(({ required }) => required),
      path,
    );
    assert.ok(operation.responses.default, path);
    assert.ok(
      Object.keys(operation.responses).some((status) => status.startsWith('2')),
      path,
    );
  }
});

test('every reference of the document leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, to = '']) => to);
  assert.ok(references.length > 0);
  for (const reference of references) {
    assert.ok(document.components.schemas[reference.replace('#/components/schemas/', '')], reference);
  }
});

test('the page shows every route with a curl, loads nothing and runs nothing', async () => {
  for (const { path } of operations()) assert.ok(docs.includes(`<span class="path">${path}</span>`), path);
  assert.ok(docs.includes(`curl -X POST &#39;${azud.url}/v1/events/orders&#39;`));
  assert.doesNotMatch(docs, /<script|<iframe|src=|@import|url\(/);
  const answer = await fetch(`${azud.url}/docs`);
  const policy = answer.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'; style-src 'sha256-[\w+/=]+'/);
});

test('every link of the page leads to a page of this server, or to a place on it', async () => {
  const links = new Set([...docs.matchAll(/href="([^"]+)"/g)].map(([, to = '']) => to));
  for (const link of links) {
    if (link.startsWith('data:')) continue;
    if (link.startsWith('#')) assert.ok(docs.includes(`id="${link.slice(1)}"`), link);
    else assert.equal((await fetch(azud.url + link)).status, 200, link);
  }
});

test('every code of the catalogue has its page, as JSON and as HTML', async () => {
  for (const [code, { title }] of Object.entries(CATALOGUE)) {
    const address = `${azud.url}/problems/${code}`;
    const json = (await (await fetch(address)).json()) as { title: string };
    assert.equal(json.title, title);
    const page = await fetch(address, { headers: { accept: 'text/html,*/*' } });
    assert.match(await page.text(), new RegExp(`<p class="status">\\d{3} ${code}</p>`));
  }
  assert.equal((await fetch(`${azud.url}/problems/nothing`)).status, 404);
});

test('what the configuration holds is shown as text, never as markup', async () => {
  const params = { origin: { type: 'string', pattern: '^<script>alert(1)</script>$', required: true } };
  const hostile = await startInMemory({ endpoints: { find: { params, sql: 'SELECT 1 WHERE $origin IS NULL' } } });
  const page = await (await fetch(`${hostile.url}/docs`)).text();
  await hostile.close();
  assert.ok(page.includes('^&lt;script&gt;alert(1)&lt;/script&gt;$'));
  assert.doesNotMatch(page, /<script/);
});
