/** The manual runs: every shell snippet with a curl in README.md and docs/guide/ is tried against the demo's system. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runSnippet, snippetsOf } from './support/snippets.ts';
import { type System, startSystem } from './support/system.ts';
import { ROOT } from './support/tidy/source.ts';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const snippets = globSync(['README.md', 'docs/guide/*.md'], { cwd: ROOT })
  .sort((a, b) => Number(b === 'README.md') - Number(a === 'README.md') || a.localeCompare(b))
  .flatMap(snippetsOf);

describe('the manual', () => {
  let system: System;

  before(async () => {
    const schema = 'flights.schema.json';
    const config = read('examples/flights/azud.yaml');
    system = await startSystem({ config, files: { [schema]: read(`examples/flights/${schema}`) } });
  });
  after(() => system?.stop());

  test('has snippets to run', () => {
    assert.ok(snippets.length >= 10, `only ${snippets.length} found`);
  });

  for (const snippet of snippets) {
    test(`is right at ${snippet.page}:${snippet.line}`, async () => {
      assert.notEqual(await runSnippet(snippet, system.url), '');
    });
  }
});
