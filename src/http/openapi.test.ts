import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { startInMemory } from '../../test/support/memory.ts';
import { OPENAPI_SCHEMA } from '../../test/support/openapi-schema.ts';

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly security: readonly Record<string, unknown>[];
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly tags: readonly { readonly name: string }[];
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>;
    readonly securitySchemes: Readonly<Record<string, object>>;
  };
}

async function runningDocument(): Promise<Document> {
  const types = ['string', 'integer', 'number', 'boolean', 'date', 'timestamp', 'date-time'];
  const params = Object.fromEntries(types.map((type, n) => [`p${n}`, { type }]));
  const sql = `SELECT ${Object.keys(params).map((name) => `$${name}`)} FROM orders`;
  const azud = await startInMemory({ endpoints: { every_type: { params, sql } } });
  try {
    return (await (await fetch(`${azud.url}/openapi.json`)).json()) as Document;
  } finally {
    await azud.close();
  }
}

function exampleDocument(): Document {
  const path = new URL('../../docs/reference/openapi.json', import.meta.url);
  return JSON.parse(readFileSync(path, 'utf8')) as Document;
}

/** Every value under a key `schema`, and every schema of the components. */
function schemasOf(node: unknown): object[] {
  if (node === null || typeof node !== 'object') return [];
  return Object.entries(node).flatMap(([key, value]) =>
    key === 'schema' && typeof value === 'object' ? [value as object] : schemasOf(value),
  );
}

for (const [name, read] of [
  ['of a running server', runningDocument],
  ['in docs/reference', exampleDocument],
] as const) {
  test(`the document ${name} has the shape of OpenAPI 3.1`, async () => {
    const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });
    addFormats.default(ajv);
    const validate = ajv.compile(OPENAPI_SCHEMA);
    assert.ok(validate(await read()), JSON.stringify(validate.errors, null, 2));
  });

  test(`every schema in the document ${name} is JSON Schema 2020-12, and every reference is met`, async () => {
    const document = await read();
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(ajv);
    const { schemas } = document.components;
    const all = [...schemasOf(document.paths), ...Object.values(schemas)];
    assert.ok(all.length > 20);
    for (const schema of all) assert.doesNotThrow(() => ajv.compile({ ...schema, components: { schemas } }));
  });

  test(`what must be unique in the document ${name} is, and what is named is there`, async () => {
    const { paths, tags, components } = await read();
    const operations = Object.values(paths).flatMap((item) => Object.values(item));
    assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
    // Two templates that differ in their names only are the same path.
    const templates = Object.keys(paths).map((path) => path.replaceAll(/\{\w+\}/g, '{}'));
    assert.equal(new Set(templates).size, templates.length);
    const known = new Set(tags.map((tag) => tag.name));
    for (const { operationId, tags: used, security, parameters } of operations) {
      assert.ok(
        used.every((tag) => known.has(tag)),
        operationId,
      );
      const schemes = security.flatMap((each) => Object.keys(each));
      assert.ok(
        schemes.every((scheme) => components.securitySchemes[scheme]),
        operationId,
      );
      const places = parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
      assert.equal(new Set(places).size, places.length, operationId);
    }
  });
}
