/**
 * `npm run break [-- --first]`: takes out of the source, one at a time, what a promise rests on, runs the suites and
 * shows which of them noticed. It fails when a sabotage goes unnoticed, or does not fit the source any more. `--first` is
 * content with the first suite that notices.
 */
import { parseArgs } from 'node:util';
import { SABOTAGES, type Sabotage } from './sabotages.ts';
import { type Suite, Workshop } from './workshop.ts';

const { values, positionals } = parseArgs({
  options: { first: { type: 'boolean', default: false } },
  allowPositionals: true,
});

const UNIT_TESTS = ['log/recovery', 'log/writer', 'log/retention', 'log/record', 'log/memory-only', 'log/driver'];
const testsOf = (names: readonly string[]) => ['--test', ...names.map((name) => `src/${name}.test.ts`)];

const SUITES: readonly Suite[] = [
  { name: 'simulator', run: ['test/simulate/main.ts', '--seeds', '400', '--seed', '1', '--stop'] },
  { name: 'log', run: testsOf(UNIT_TESTS.map((name) => `broker/${name}`)) },
  { name: 'loader', run: testsOf(['loader/loader', 'store/memory/driver', 'query/dead-letters']) },
  { name: 'duckdb', run: testsOf(['store/duckdb/driver', 'store/duckdb/kill', 'store/duckdb/recovery']) },
  { name: 'every call', run: ['--test', '--test-name-pattern=every call', 'test/simulate/simulate.test.ts'] },
  { name: 'flipped bits', run: ['--test', '--test-name-pattern=flipped bit', 'test/simulate/simulate.test.ts'] },
];

const print = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const chosen = SABOTAGES.filter(({ name }) => positionals.every((word) => name.includes(word)));
  const workshop = new Workshop();
  const sound = new Set<Suite>();
  let unnoticed = 0;
  try {
    for (const [n, sabotage] of chosen.entries()) {
      print(`\n${n + 1} of ${chosen.length}: ${sabotage.name} (${sabotage.file})`);
      const noticed = await noticedBy(workshop, sabotage);
      if (noticed.length === 0) unnoticed += 1;
      for (const suite of noticed) if (!sound.has(suite)) await assertSound(workshop, suite);
      for (const suite of noticed) sound.add(suite);
    }
  } finally {
    workshop.close();
  }
  print(`\n${chosen.length} sabotages, ${chosen.length - unnoticed} noticed, ${unnoticed} unnoticed`);
  return unnoticed === 0 ? 0 : 1;
}

/** The suites that fail; with `--first` only the first of them. */
async function noticedBy(workshop: Workshop, sabotage: Sabotage): Promise<readonly Suite[]> {
  const noticed: Suite[] = [];
  workshop.break(sabotage);
  for (const suite of SUITES) {
    if (noticed.length > 0 && values.first) break;
    const { caught, by } = await workshop.run(suite);
    print(`  ${suite.name.padEnd(13)} ${caught ? by : '-'}`);
    if (caught) noticed.push(suite);
  }
  workshop.mend(sabotage);
  return noticed;
}

/** A suite that fails anyway has noticed nothing. */
async function assertSound(workshop: Workshop, suite: Suite): Promise<void> {
  const { caught, by } = await workshop.run(suite);
  if (caught) throw new Error(`${suite.name} fails with nothing broken: ${by}`);
}

process.exitCode = await main();
