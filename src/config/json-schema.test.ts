import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { configJsonSchema } from './json-schema.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const validate = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false }).compile(configJsonSchema());

describe('the JSON Schema of azud.yaml', () => {
  for (const file of globSync('examples/**/azud.yaml', { cwd: ROOT })) {
    test(`takes ${file}`, () => {
      assert.ok(validate(parse(readFileSync(resolve(ROOT, file), 'utf8'))), JSON.stringify(validate.errors));
    });
  }

  const WRONG: Readonly<Record<string, unknown>> = {
    'an unknown key': { sever: {} },
    'a number out of range': { server: { port: 70_000 } },
    'a setting of another kind': { broker: { kind: 'memory', retention: '7d' } },
    'a duration without a unit': { datasets: { a: { schema: {}, retention: '400' } } },
    'a dataset without a schema': { datasets: { a: {} } },
  };
  for (const [name, config] of Object.entries(WRONG)) {
    test(`refuses ${name}`, () => assert.ok(!validate(config)));
  }

  test('takes variables in the place of any scalar, and secrets by file', () => {
    const variable = '$' + '{X}';
    const token = { name: 'a', secret_file: './s', scopes: ['admin'] };
    assert.ok(
      validate({ server: { port: variable }, log: { level: variable }, auth: { tokens: [token] } }),
      JSON.stringify(validate.errors),
    );
  });
});
