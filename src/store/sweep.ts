import type { Dataset } from '../event/dataset.ts';
import { DURATIONS } from '../limits.ts';

const DAY_MS = 24 * 3600 * 1000;

/**
 * The moment that retention counts back from, ms. A wall clock that runs more than a day ahead of the last event
 * received is not believed: after a jump it would remove everything. Then (and when the clock is behind) the last
 * event's own time rules, plus the day; an idle store is swept no further than that, which removes nothing new.
 */
export function sweepHorizon(now: number, lastReceivedAt: number): number {
  return Math.min(now, lastReceivedAt + DAY_MS);
}

/** How long a transaction is known, ms. One with dead letters is known for as long as they are. */
export function receiptsKeptMs({ retentionMs }: Dataset): number {
  return retentionMs ?? DURATIONS.receiptsMs;
}
