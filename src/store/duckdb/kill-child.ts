import { openStore, unitAt } from './fixtures.ts';

/** Writes unit after unit until it is killed, and says each offset once it is written. */
async function writeForEver(dataDir: string): Promise<never> {
  const { driver } = await openStore(dataDir);
  const [last] = await driver.progress();
  for (let offset = (last?.offset ?? 0) + 1; ; offset += 1) {
    await driver.write({ batches: [unitAt(offset)] });
    if (offset % 25 === 0) await driver.snapshot();
    process.stdout.write(`${offset}\n`);
  }
}

await writeForEver(process.argv[2] ?? '');
