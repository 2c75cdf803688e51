import { systemClock } from '../../src/lib/clock.ts';

export interface EventuallyOptions {
  /** Gives up after this long, ms. */
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
}

/**
 * Asks again until the check answers without throwing, and answers what it answered. What a test waits for is a state,
 * never a time: the limit only bounds a failure.
 * @throws the check's last error, when time is up
 */
export async function eventually<Result>(
  check: () => Result | Promise<Result>,
  { timeoutMs = 15_000, intervalMs = 25 }: EventuallyOptions = {},
): Promise<Result> {
  const deadline = systemClock.monotonic() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (systemClock.monotonic() > deadline) throw error;
      await systemClock.sleep(intervalMs);
    }
  }
}
