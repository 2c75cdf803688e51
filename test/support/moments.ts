import { systemClock } from '../../src/lib/clock.ts';

/** Lets time go by, where that itself is what is asked for: a fault at a random moment, a sender that breathes. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return systemClock.sleep(ms, signal);
}
