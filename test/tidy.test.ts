/** The habits of this code as tests: each says what is wrong, where, and what to do instead. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { BANS, broken } from './support/tidy/bans.ts';
import { cycle, deadFiles } from './support/tidy/graph.ts';
import { mask } from './support/tidy/mask.ts';
import { forbiddenImports, forbiddenPackages } from './support/tidy/rooms.ts';
import {
  FILE_LINES_MAX,
  FUNCTION_LINES_MAX,
  functionsOf,
  missingAdapterFiles,
  PARAMETERS_MAX,
  WIDE,
} from './support/tidy/shape.ts';
import { ROOT, readSources, toSource } from './support/tidy/source.ts';

const sources = readSources();

function none(found: readonly string[], advice: string): void {
  assert.equal(found.length, 0, `${advice}:\n  ${found.join('\n  ')}`);
}

describe('the rooms', () => {
  test('import only what the table of ARCHITECTURE.md allows', () => {
    none(forbiddenImports(sources), 'Import only downwards, or move the code to the room that may');
  });

  test('keep each package to the room that owns it', () => {
    none(forbiddenPackages(sources), 'Reach a package through the room that owns it');
  });

  test('have no ring of imports', () => {
    const ring = cycle(sources);
    assert.equal(ring, null, `Move what both sides need into a file below both: ${ring?.join(' → ')}`);
  });

  test('hold no file that nothing reaches', () => {
    none(deadFiles(sources), 'Use the file or remove it');
  });

  test('have the same files in every adapter', () => {
    none(missingAdapterFiles(), 'Every adapter folder has the same file names; write the missing ones');
  });
});

describe('the code', () => {
  for (const ban of BANS) {
    test(`does without ${ban.name}`, () => none(broken(ban, sources), `Instead, ${ban.instead}`));
  }

  test(`has no file of more than ${FILE_LINES_MAX} lines`, () => {
    const long = sources.filter(({ text }) => text.split('\n').length - 1 > FILE_LINES_MAX);
    none(
      long.map(({ path }) => path),
      'Split the file where its second idea begins',
    );
  });

  test(`has no function of more than ${FUNCTION_LINES_MAX} lines`, () => {
    // A conformance suite is one function that holds its cases, as a describe() does.
    const bodies = sources.filter(({ path }) => !path.includes('/conformance/')).flatMap(functionsOf);
    const long = bodies.filter(({ lines }) => lines > FUNCTION_LINES_MAX);
    none(
      long.map(({ path, line, lines }) => `${path}:${line} ${lines} lines`),
      'Name its parts and call them',
    );
  });

  test(`has no function of more than ${PARAMETERS_MAX} parameters, but those listed`, () => {
    const wide = sources.flatMap(functionsOf).filter(({ parameters }) => parameters > PARAMETERS_MAX);
    const unlisted = wide.filter(({ path, parameters }) => parameters > (WIDE[path] ?? 0));
    none(
      unlisted.map(({ path, line, parameters }) => `${path}:${line} ${parameters} parameters`),
      'Take an options object',
    );
    const slack = Object.entries(WIDE).filter(
      ([path, max]) => !wide.some((it) => it.path === path && it.parameters === max),
    );
    none(
      slack.map(([path]) => path),
      'The list only shrinks: lower or remove what WIDE allows to',
    );
  });

  test('names files with kebab-case nouns', () => {
    const odd = sources.filter(({ path }) => !/^([a-z0-9-]+\/)*[a-z0-9-]+(\.test)?\.(ts|mjs)$/.test(path));
    none(
      odd.map(({ path }) => path),
      'Rename the file',
    );
  });
});

describe('the repository', () => {
  test('names no path of one machine', () => {
    const pattern = new RegExp(`(^|[\\s'"\`(=])/(${['work', 'farm', 'root', 'Users', 'home'].join('|')})/\\w`, 'm');
    const files = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' }).split('\0');
    const found = files.filter((path) => path !== '' && pattern.test(contents(path)));
    none(found, 'Write the path from the project root, or make it a parameter');
  });
});

describe('the pages', () => {
  const pages = globSync('{*.md,docs/**/*.md,src/**/*.md,examples/**/*.md}', { cwd: ROOT });

  test('link only to what is there', () => {
    const dead = pages.flatMap((page) =>
      [...contents(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !existsSync(join(ROOT, dirname(page), target)))
        .map((target) => `${page}: ${target}`),
    );
    none(dead, 'Mend the link');
  });

  test('say where to add a store within the first screen of CONTRIBUTING', () => {
    const screen = contents('CONTRIBUTING.md').split('\n').slice(0, 40).join('\n');
    assert.match(screen, /a store\].*`src\/store\/<kind>\/`/);
  });

  test('keep AGENTS.md to one page', () => {
    assert.ok(
      contents('AGENTS.md').split('\n').length <= 40,
      'Move the reasons to ARCHITECTURE.md, the steps to CONTRIBUTING.md',
    );
  });
});

describe('the rules themselves', () => {
  const source = (text: string, path = 'src/http/x.ts') => toSource(path, text);
  const ban = (name: string) => BANS.find((it) => it.name === name) ?? assert.fail(`no ban is named ${name}`);

  test('see code, and not what stands in comments, strings, templates and regular expressions', () => {
    const text = "a; // b\n'c'; `d$" + '{e}f`; /g[/]h/.test(i) /* j */ / k';
    assert.equal(mask(text).replace(/\s+/g, ' '), "a; ' '; ` $" + '{e} `; / /.test(i) / k');
    assert.equal(mask(text).length, text.length);
  });

  test('find a forbidden import, be it of a type, lazy or exported on', () => {
    const upward = source(
      "import type { App } from '../app/app.ts';\nconst x = import('../cli/cli.ts');\nexport * from '../app/y.ts';",
    );
    assert.equal(forbiddenImports([upward]).length, 3);
    assert.match(forbiddenImports([upward])[0] ?? '', /^src\/http\/x\.ts:1 http may not import/);
  });

  test('let nobody but app call a registry, and no adapter see another', () => {
    const text = "import { openStore } from '../../store/registry.ts';\nimport { x } from '../log/x.ts';";
    assert.equal(forbiddenImports([source(text, 'src/broker/memory/driver.ts')]).length, 2);
    assert.deepEqual(
      forbiddenImports([source("import { openStore } from '../store/registry.ts';", 'src/app/x.ts')]),
      [],
    );
  });

  test('find what is banned', () => {
    const bad = source(
      'console.log(x as any, y!.z, Date.now(), JSON.parse(body));\nsetTimeout(() => process.exit(1), 5);',
    );
    for (const name of ['console', 'any', 'a non-null assertion', 'the wall clock', 'process.exit']) {
      assert.equal(broken(ban(name), [bad]).length, 1, name);
    }
    const route = source('JSON.parse(body)', 'src/http/routes/x.ts');
    assert.equal(broken(ban('JSON.parse of what a client sent'), [route]).length, 1);
  });

  test('measure functions: lines, and parameters without the commas inside them', () => {
    const text =
      'export function f(a: Map<string, number>, { b, c }: B, d = [1, 2]): Promise<void> {\n  if (a) {\n  }\n}\n';
    assert.deepEqual(functionsOf(source(text)), [{ path: 'src/http/x.ts', line: 1, lines: 4, parameters: 3 }]);
  });

  test('find a ring and a dead file', () => {
    const a = source("import '../http/b.ts';", 'src/http/a.ts');
    const b = source("import './a.ts';", 'src/http/b.ts');
    assert.deepEqual(cycle([a, b]), ['src/http/a.ts', 'src/http/b.ts', 'src/http/a.ts']);
    const main = source("const child = new URL('./http/b.ts', import.meta.url);", 'src/main.ts');
    assert.deepEqual(deadFiles([main, b, a, source('', 'src/http/c.ts')]), ['src/http/c.ts']);
  });
});

function contents(path: string): string {
  try {
    return readFileSync(join(ROOT, path), 'utf8');
  } catch {
    // Removed from the folder and not yet from the index.
    return '';
  }
}
