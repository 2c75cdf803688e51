import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { runAzud } from '../../support/command.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { refusedStart } from '../../support/system.ts';

type Part = Readonly<Record<string, unknown>>;

/** What is wrong with one part of a system, and what must be said of it. */
export interface Wrong {
  /** As a sentence goes on after "names". */
  readonly name: string;
  readonly broker?: Part;
  readonly store?: Part;
  /** Not installed there. */
  readonly hidden?: string;
  /** Which, where and what to do. */
  readonly words: readonly RegExp[];
  /** Exit code. */
  readonly code: number;
  /** A start says the same and ends, instead of waiting for a server to come back. */
  readonly lasting?: boolean;
}

/** `azud check --connect` with one part wrong: one line about it, and another that the other part is well. */
export function checkCases(well: { readonly broker: Part; readonly store: Part }, cases: () => readonly Wrong[]): void {
  for (const [at, { name }] of cases().entries()) {
    test(`azud check --connect names ${name} in one line, and says what to do`, async () => {
      const { broker, store, hidden, words, code, lasting } = cases()[at] as Wrong;
      const config = { ...ORDERS_CONFIG, broker: broker ?? well.broker, store: store ?? well.store };
      const which = store || /^pg/.test(hidden ?? '') ? 'store' : 'broker';
      const checked = await check(config, hidden);
      const [broken = '', ...more] = checked.stdout.split('\n').filter((line) => line.startsWith('fail'));
      assert.deepEqual(more, [], checked.stdout);
      assert.match(broken, new RegExp(`^fail +${which} `));
      for (const each of words) assert.match(broken, each);
      assert.match(checked.stdout, new RegExp(`^ok +${which === 'store' ? 'broker' : 'store'} `, 'm'));
      assert.equal(checked.code, code, checked.stderr);
      if (!lasting) return;
      const refused = await refusedStart({ config });
      assert.equal(refused.code, code);
      for (const each of words) assert.match(refused.words.replaceAll('\n', ' '), each);
    });
  }

  test('azud check --connect says of each part that it is well', async () => {
    const { code, stdout } = await check({ ...ORDERS_CONFIG, ...well });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^ok +broker \S+ +open: acknowledged means/m);
    assert.match(stdout, /^ok +store \S+ +open, and the tables fit$/m);
  });
}

async function check(config: Part, hidden = '') {
  const folder = await mkdtemp(join(tmpdir(), 'azud-check-'));
  await writeFile(join(folder, 'azud.yaml'), stringify(config));
  const hide = resolve(import.meta.dirname, '../../support/hide-packages.mjs');
  const env: Record<string, string> =
    hidden === '' ? {} : { NODE_OPTIONS: `--import=${hide}`, HIDDEN_PACKAGES: hidden };
  try {
    return await runAzud(['check', '--connect'], { folder, env });
  } finally {
    await rm(folder, { recursive: true });
  }
}
