import { storeConformance } from '../conformance/suite.ts';
import type { StoreDriver } from '../driver.ts';
import { MemoryData, MemoryStoreDriver } from './driver.ts';

const SAFE = { allowDestructive: false, onStep: () => {} };
const data = new WeakMap<StoreDriver, MemoryData>();

function create(kept: MemoryData): MemoryStoreDriver {
  const driver = new MemoryStoreDriver(kept);
  data.set(driver, kept);
  return driver;
}

storeConformance('memory', {
  async open(datasets) {
    const driver = create(new MemoryData());
    await driver.open(datasets, SAFE);
    return driver;
  },
  async reopen(driver, datasets, options) {
    await driver.close();
    const next = create(data.get(driver) ?? new MemoryData());
    await next.open(datasets, { ...SAFE, ...options });
    return next;
  },
  close: (driver) => driver.close(),
});
