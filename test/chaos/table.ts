import type { CycleReport } from './run.ts';

const COLUMNS = [
  'cycles',
  'acknowledged',
  'unanswered',
  'stored',
  'lost',
  'twice',
  'faults',
  'restarts',
  'accepts after',
  'reads after',
];

/** A line for each kind of fault, and one for all. */
export function chaosTable(reports: readonly CycleReport[]): string {
  const kinds = [...new Set(reports.map(({ fault }) => fault))].toSorted();
  const rows = kinds.map((kind) =>
    row(
      kind,
      reports.filter(({ fault }) => fault === kind),
    ),
  );
  const head = `| fault | ${COLUMNS.join(' | ')} |`;
  return [head, `|---|${'---:|'.repeat(COLUMNS.length)}`, ...rows, row('all', reports)].join('\n');
}

function row(name: string, reports: readonly CycleReport[]): string {
  const sum = (of: (report: CycleReport) => number) => reports.reduce((total, report) => total + of(report), 0);
  const slowest = (of: (report: CycleReport) => number) => `${(Math.max(...reports.map(of)) / 1_000).toFixed(2)} s`;
  const cells = [
    reports.length,
    sum(({ acknowledged }) => acknowledged),
    sum(({ unanswered }) => unanswered),
    sum(({ stored }) => stored),
    sum(({ lost }) => lost),
    sum(({ twice }) => twice),
    sum(({ faults }) => faults.length),
    sum(({ restarts }) => restarts),
    slowest(({ acceptsMs }) => acceptsMs),
    slowest(({ readyMs }) => readyMs),
  ];
  const words = cells.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell));
  return `| ${name} | ${words.join(' | ')} |`;
}

/** True when nothing acknowledged is missing, nothing is there twice, and nothing else is wrong. */
export function isClean({ lost, twice, faults }: CycleReport): boolean {
  return lost === 0 && twice === 0 && faults.length === 0;
}
