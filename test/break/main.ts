/**
 * `npm run break [-- --first]`: takes out of the source, one at a time, what a promise rests on, runs the suites and
 * shows which of them noticed. It fails when a sabotage goes unnoticed, or does not fit the source any more. `--first` is
 * content with the first suite that notices, `--from 5` begins with the fifth, words choose sabotages by their names.
 */
import { parseArgs } from 'node:util';
import { SABOTAGES, type Sabotage } from './sabotages.ts';
import { type Suite, Workshop } from './workshop.ts';

const { values, positionals } = parseArgs({
  options: { first: { type: 'boolean', default: false }, from: { type: 'string', default: '1' } },
  allowPositionals: true,
});

/** What a sabotage keeps from happening some tests await for ever: then the time limit of the test is what notices. */
const TEST_MS_MAX = 60_000;
const testsOf = (names: readonly string[]) => [
  '--test',
  `--test-timeout=${TEST_MS_MAX}`,
  ...names.map((name) => `src/${name}.test.ts`),
];
const LOG_TESTS = ['writer', 'memory-only', 'record', 'retention', 'driver', 'terms'].map(
  (name) => `broker/log/${name}`,
);

/** The quick ones first. */
const SUITES: readonly Suite[] = [
  { name: 'simulator', run: ['test/simulate/main.ts', '--seeds', '600', '--seed', '1', '--stop'] },
  { name: 'log', run: testsOf(LOG_TESTS) },
  { name: 'loader', run: testsOf(['loader/loader', 'loader/ack-order', 'store/memory/driver', 'query/dead-letters']) },
  { name: 'flipped bits', run: ['--test', '--test-name-pattern=flipped bit', 'test/simulate/simulate.test.ts'] },
  { name: 'recovery', run: testsOf(['broker/log/recovery']) },
  { name: 'duckdb', run: testsOf(['store/duckdb/driver', 'store/duckdb/standing', 'store/duckdb/kill']) },
  { name: 'every call', run: ['--test', '--test-name-pattern=every call', 'test/simulate/simulate.test.ts'] },
];

const print = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const chosen = SABOTAGES.filter(({ name }) => positionals.every((word) => name.includes(word)));
  const workshop = new Workshop();
  const sound = new Set<Suite>();
  let tried = 0;
  let unnoticed = 0;
  try {
    for (const [n, sabotage] of chosen.entries().drop(Number(values.from) - 1)) {
      print(`\n${n + 1} of ${chosen.length}: ${sabotage.name} (${sabotage.file})`);
      tried += 1;
      const noticed = await noticedBy(workshop, sabotage);
      if (noticed.length === 0) unnoticed += 1;
      for (const suite of noticed) if (!sound.has(suite)) await assertSound(workshop, suite);
      for (const suite of noticed) sound.add(suite);
    }
  } finally {
    workshop.close();
  }
  print(`\n${tried} sabotages, ${tried - unnoticed} noticed, ${unnoticed} unnoticed`);
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
