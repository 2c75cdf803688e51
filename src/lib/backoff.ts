/** Exponential back-off with full jitter. */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Source of randomness in [0, 1); seeded in tests. */
  readonly random?: () => number;
}

/**
 * Delay before the n-th retry, ms (n counts from 0). Between half and the whole of `firstMs * 2^n`, capped at `maxMs`:
 * the lower half keeps retries apart in time, the jitter keeps clients apart from each other.
 */
export function backoffMs(attempt: number, { firstMs, maxMs, random = Math.random }: BackoffOptions): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(ceiling * (0.5 + random() / 2));
}
