import type { ScaleSums } from './run.ts';

const COLUMNS = {
  sent: 'sent',
  accepted: 'accepted',
  stored: 'stored',
  distinct: 'distinct ids',
  duplicate: 'duplicates',
  dead: 'dead',
  inFlight: 'in flight',
  redelivered: 'messages redelivered',
} as const satisfies Record<keyof ScaleSums, string>;

/** Markdown: a line for each run, with exact sums. */
export function scaleTable(runs: ReadonlyMap<string, ScaleSums>): string {
  const names = Object.keys(COLUMNS) as (keyof ScaleSums)[];
  const rows = [...runs].map(
    ([name, sums]) => `| ${name} | ${names.map((each) => sums[each].toLocaleString('en')).join(' | ')} |`,
  );
  const head = `| through | ${names.map((each) => COLUMNS[each]).join(' | ')} |`;
  return [head, `|---|${'---:|'.repeat(names.length)}`, ...rows].join('\n');
}
