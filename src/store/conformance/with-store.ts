import { test } from 'node:test';
import type { Dataset } from '../../event/dataset.ts';
import type { StoreDriver } from '../driver.ts';
import type { StoreHarness } from './fixtures.ts';

/** The store of one test: `driver` is replaced when it is opened again. */
export interface Subject {
  driver: StoreDriver;
  reopen(datasets?: readonly Dataset[], options?: { allowDestructive: boolean }): Promise<void>;
}

/** One test on a store of its own, closed whatever happens. */
export function storeTest(
  harness: StoreHarness,
  { name, datasets }: { name: string; datasets: readonly Dataset[] },
  body: (subject: Subject) => Promise<void>,
): void {
  test(name, async () => {
    const subject: Subject = {
      driver: await harness.open(datasets),
      reopen: async (others = datasets, options = { allowDestructive: false }) => {
        subject.driver = await harness.reopen(subject.driver, others, options);
      },
    };
    try {
      await body(subject);
    } finally {
      await harness.close(subject.driver);
    }
  });
}
