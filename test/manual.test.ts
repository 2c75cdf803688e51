/** The manual runs: every shell snippet with a curl in README.md and docs/guide/ is tried against the demo's system. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { type System, startSystem } from './support/system.ts';
import { ROOT } from './support/tidy/source.ts';

const run = promisify(execFile);
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const DEMO = 'http://127.0.0.1:8080';
/** In a snippet, an answer that is no 2xx is a mistake of the manual. */
const STRICT_CURL = 'set -euo pipefail\ncurl() { command curl -sS --fail-with-body --max-time 30 "$@"; }\n';

interface Snippet {
  readonly page: string;
  readonly line: number;
  readonly text: string;
}

const snippets = globSync(['README.md', 'docs/guide/*.md'], { cwd: ROOT })
  .sort((a, b) => Number(b === 'README.md') - Number(a === 'README.md') || a.localeCompare(b))
  .flatMap(snippetsOf)
  .filter(({ text }) => text.includes('curl '));

function snippetsOf(page: string): Snippet[] {
  const text = read(page);
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length + 1,
    text: match[1] ?? '',
  }));
}

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

  for (const { page, line, text } of snippets) {
    test(`is right at ${page}:${line}`, async () => {
      const { stdout } = await run('bash', ['-c', STRICT_CURL + text.replaceAll(DEMO, system.url)]);
      assert.notEqual(stdout, '');
    });
  }
});
