import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DuckdbStoreDriver } from './driver.ts';
import { fullUnitAt, openStore, unitAt } from './fixtures.ts';

/** Writes unit after unit until it is killed, and says each offset once it is written. */
async function writeForEver(driver: DuckdbStoreDriver, first: number): Promise<never> {
  for (let offset = first; ; offset += 1) {
    await driver.write({ batches: [unitAt(offset)] });
    if (offset % 25 === 0) await driver.snapshot();
    process.stdout.write(`${offset}\n`);
  }
}

/** The same with the units of a backlog, each prepared while the one before it is written. */
async function loadForEver(driver: DuckdbStoreDriver, first: number): Promise<never> {
  let unit = { batches: [fullUnitAt(first)] };
  for (let offset = first; ; offset += 1) {
    const writing = driver.write(unit);
    unit = { batches: [fullUnitAt(offset + 1)] };
    await nextTurn();
    driver.prepare(unit);
    await writing;
    process.stdout.write(`${offset}\n`);
  }
}

const [, , dataDir = '', kind] = process.argv;
const { driver } = await openStore(dataDir);
const [last] = await driver.progress();
await (kind === 'backlog' ? loadForEver : writeForEver)(driver, (last?.offset ?? 0) + 1);
