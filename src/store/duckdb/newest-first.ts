import type { Condition, RowsQuery } from '../driver.ts';

/** How far back the first look goes, ms: 10,000 rows where intake takes in a million a second. */
const FIRST_MS = 10;
const FACTOR = 16;
/** A look back this far is no shorter than one without a bound, ms. */
const LAST_MS = 366 * 24 * 3600 * 1000;

/** The column by whose falling values the query is ordered, when that is the time at which rows were received. */
export function timeOf({ order: [first] }: RowsQuery): string | null {
  const byTime = first?.descending && (first.column === '_received_at' || first.column === 'received_at');
  return byTime ? first.column : null;
}

/**
 * Times from which on the newest rows may be found, each further back than the one before, epoch ms. The engine reads all there is for
 * `ORDER BY … DESC LIMIT`, 0.6 s for 5 million rows; with a bound on the time it skips what is older.
 * @param newestMs nothing was received later
 */
export function* looksBack(query: RowsQuery, time: string, newestMs: number): Generator<number> {
  const { where, after } = query;
  const latestMs = Math.min(newestMs, ...boundsOf(where, time, ['lt', 'lte', 'eq']), ...msOf(after?.[0]));
  // The query's own lower bound is a look by itself.
  const earliestMs = Math.max(0, ...boundsOf(where, time, ['gt', 'gte', 'eq']));
  const mostMs = Math.min(LAST_MS, latestMs - earliestMs - 1);
  for (let backMs = FIRST_MS; backMs <= mostMs; backMs *= FACTOR) yield latestMs - backMs;
}

/** What conditions say of the time, epoch ms. */
function boundsOf(where: RowsQuery['where'], time: string, operators: readonly Condition['operator'][]): number[] {
  const bounds = where.filter(({ column, operator }) => column === time && operators.includes(operator));
  return bounds.flatMap(({ value }) => msOf(value));
}

function msOf(value: unknown): number[] {
  const ms = Date.parse(String(value));
  return Number.isNaN(ms) ? [] : [ms];
}
