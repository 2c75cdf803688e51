/** RELIABILITY.md and SECURITY.md say where each promise is shown: every row of the checklists once, and only what is there. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './support/tidy/source.ts';

const reliability = readFileSync(join(ROOT, 'RELIABILITY.md'), 'utf8');
const security = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8');
const pages = reliability + security;

/** The numbers that stand first in the rows of a section of a page: `7`, `3–7`. */
function rowsOf(page: string, section: string): number[] {
  const text = page.split('\n## ').find((part) => part.startsWith(section)) ?? '';
  return [...text.matchAll(/^\| (\d+)(?:–(\d+))? \|/gm)].flatMap(([, from, to]) => {
    const first = Number(from);
    return Array.from({ length: Number(to ?? first) - first + 1 }, (_, n) => first + n);
  });
}

const upTo = (last: number) => Array.from({ length: last }, (_, n) => n + 1);

test('every row of the fault matrix and of the bad-input catalogue is there once', () => {
  assert.deepEqual(rowsOf(reliability, 'Checklist: faults'), upTo(35));
  assert.deepEqual(rowsOf(security, 'Checklist: bad input'), upTo(79));
});

test('every path that is named leads somewhere', () => {
  const named = [...pages.matchAll(/`((?:src|test)\/[\w./-]+)`/g)].map(([, path = '']) => path);
  assert.ok(named.length > 50);
  assert.deepEqual(
    named.filter((path) => !existsSync(join(ROOT, path))),
    [],
  );
});

test('every command that is named is a script of package.json', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
  const commands = [...pages.matchAll(/`npm run (\w+)/g)].map(([, name = '']) => name);
  assert.deepEqual(
    commands.filter((name) => !Object.hasOwn(scripts, name)),
    [],
  );
});
