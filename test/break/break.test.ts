import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../support/tidy/source.ts';
import { SABOTAGES } from './sabotages.ts';
import { sabotaged } from './workshop.ts';

test('every sabotage of npm run break still fits the source', () => {
  for (const sabotage of SABOTAGES) {
    const text = readFileSync(join(ROOT, sabotage.file), 'utf8');
    assert.notEqual(sabotaged(text, sabotage), text);
  }
});
