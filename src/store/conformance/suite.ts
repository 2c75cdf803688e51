import { describe } from 'node:test';
import type { StoreHarness } from './fixtures.ts';
import { letterCases } from './letters.ts';
import { modelCases } from './model.ts';
import { readingCases } from './reading.ts';
import { tableCases } from './tables.ts';
import { valueCases } from './values.ts';
import { writingCases } from './writing.ts';

export type { StoreHarness } from './fixtures.ts';

/** What every store must do, as tests. A driver passes all of them or is none. */
export function storeConformance(name: string, harness: StoreHarness): void {
  describe(`${name} store conformance`, () => {
    valueCases(harness);
    writingCases(harness);
    letterCases(harness);
    readingCases(harness);
    tableCases(harness);
    modelCases(harness);
  });
}
