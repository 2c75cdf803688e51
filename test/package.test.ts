import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ROOT } from './support/tidy/source.ts';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  readonly engines: { readonly node: string };
  readonly files: readonly string[];
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};
const lock = JSON.parse(read('package-lock.json')) as {
  readonly packages: Readonly<Record<string, { optionalDependencies?: Readonly<Record<string, string>> }>>;
};
const dependencies = { ...manifest.dependencies, ...manifest.devDependencies };

describe('the package', () => {
  test('names exact versions only', () => {
    const loose = Object.entries(dependencies).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version));
    assert.deepEqual(loose, [], 'Pin the version: what was tested is what is installed');
  });

  test('explains every dependency in docs/dependencies.md, and no other', () => {
    const explained = [...read('docs/dependencies.md').matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]);
    assert.deepEqual(explained.toSorted(), Object.keys(dependencies).toSorted());
  });

  test('asks for the same Node everywhere', () => {
    const [major, minor] = manifest.engines.node.replace('>=', '').split('.');
    assert.match(read('scripts/setup.mjs'), new RegExp(`NODE_MIN = \\[${major}, ${minor}\\]`));
    assert.match(read('src/main.ts'), new RegExp(`major === ${major} && minor < ${minor}`));
    assert.match(read('README.md'), new RegExp(`Node ${major}\\.${minor}`));
  });

  test('ships only what is there', () => {
    const missing = manifest.files.filter((path) => path !== 'dist' && !existsSync(join(ROOT, path)));
    assert.deepEqual(missing, []);
  });

  test('holds the examples whole, the manual and nothing that a run left behind', () => {
    const { stdout, stderr } = spawnSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    const [{ files }] = JSON.parse(stdout || assert.fail(stderr)) as [{ files: { path: string }[] }];
    const packed = files.map(({ path }) => path).filter((path) => !path.startsWith('dist/'));
    const ours = ['ls-files', '--cached', '--others', '--exclude-standard', ...manifest.files, 'package.json'];
    const wanted = execFileSync('git', ours, { cwd: ROOT, encoding: 'utf8' }).split('\n');
    assert.deepEqual(
      packed.toSorted(),
      wanted.filter((path) => path !== '' && !path.endsWith('.npmignore')).toSorted(),
    );
    const links = [...read('README.md').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, to = '']) => to);
    assert.deepEqual(
      links.filter((to) => !packed.some((path) => path === to || path.startsWith(`${to}/`))),
      [],
    );
  });

  test('has a lockfile for every platform, which npm ci insists on', () => {
    const optional = Object.values(lock.packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    const missing = optional.filter((name) => !lock.packages[`node_modules/${name}`]);
    assert.deepEqual(missing, []);
  });
});

describe('the set-up', () => {
  test('comes before every npm script that needs it', () => {
    const without = Object.entries(manifest.scripts).filter(([name, script]) => {
      return name !== 'prepack' && !script.startsWith('node scripts/setup.mjs && ');
    });
    assert.deepEqual(without, []);
  });

  test('says nothing and changes nothing when all is there', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts/setup.mjs')], {
      encoding: 'utf8',
    });
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
  });
});
