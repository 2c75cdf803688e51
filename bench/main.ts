/**
 * `npm run bench [-- case…] [--quick] [--soak minutes]`: every figure that the README shows, as ratios taken in one run
 * on one machine. `--quick` walks the same paths in seconds, to show that they work.
 */
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import type { Case, Figure } from './case.ts';
import { batches } from './cases/batches.ts';
import { brokers } from './cases/brokers.ts';
import { freshness } from './cases/freshness.ts';
import { growth } from './cases/growth.ts';
import { insertPerEvent } from './cases/insert-per-event.ts';
import { intake } from './cases/intake.ts';
import { log } from './cases/log.ts';
import { memory } from './cases/memory.ts';
import { postgres } from './cases/postgres.ts';
import { rowById } from './cases/row-by-id.ts';
import { runaway } from './cases/runaway.ts';
import { single } from './cases/single.ts';
import { store } from './cases/store.ts';

const CASES: readonly Case[] = [
  single,
  batches,
  intake,
  freshness,
  rowById,
  log,
  store,
  postgres,
  memory,
  growth,
  brokers,
  insertPerEvent,
  runaway,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, soak: { type: 'string', default: '2' } },
});

const unknown = positionals.find((name) => !CASES.some((each) => each.name === name));
if (unknown !== undefined) {
  process.stderr.write(`there is no case ${unknown}; there are ${CASES.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}

const say = (text: string) => void process.stderr.write(`  ${text}\n`);
const figures: Figure[] = [];
for (const each of CASES.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
  process.stderr.write(`${each.name}: ${each.about}\n`);
  figures.push(...(await each.run({ quick: values.quick, soakMinutes: Number(values.soak), say })));
}
process.stdout.write(`${table(figures)}\n`);
process.exitCode = !values.quick && figures.some(({ met }) => met === false) ? 1 : 0;

/** Markdown, so that it goes into the README as it is. */
function table(rows: readonly Figure[]): string {
  const machine = `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  const lines = rows.map(({ what, measured, reference, ratio, target, met }) => {
    const verdict = met === null ? '' : met ? '✓' : '✗';
    return `| ${what} | ${measured} | ${reference} | ${ratio?.toFixed(2) ?? ''} | ${target} ${verdict} |`;
  });
  return [
    `${machine}`,
    '',
    '| what | measured | held against | ratio | target |',
    '|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}
