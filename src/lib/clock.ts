import { performance } from 'node:perf_hooks';

/** Time as a dependency, so that tests and the simulator own it. */
export interface Clock {
  /** Wall time, ms since the epoch. May jump. */
  now(): number;
  /** Monotonic time, ms. Never goes back; use it for durations. */
  monotonic(): number;
  /** Resolves after `ms`, or at once (without error) when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    }),
};
