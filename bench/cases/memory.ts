import { systemClock } from '../../src/lib/clock.ts';
import { memoryOf, NDJSON_TYPE, post, settled, withAzud } from '../azud.ts';
import { below, type Case, count, mb } from '../case.ts';
import { benchConfig, eventLines } from '../events.ts';

const BATCH = 1_000;
/** `store.memory_limit` where nothing is said. */
const MEMORY_LIMIT = 2e9;

export const memory: Case = {
  name: 'memory',
  about: 'full rate for minutes (--soak 30 for the long form): resident memory stays flat',
  run: ({ quick, soakMinutes, say }) =>
    withAzud(benchConfig(), async (azud) => {
      const seconds = quick ? 10 : soakMinutes * 60;
      const peaks = new Map<string, number>();
      const done = new AbortController();
      const watching = watch(done.signal, async () => {
        for (const [role, bytes] of await memoryOf(azud)) peaks.set(role, Math.max(bytes, peaks.get(role) ?? 0));
        say([...(await memoryOf(azud))].map(([role, bytes]) => `${role} ${mb(bytes)}`).join(', '));
      });
      const body = eventLines(0, BATCH);
      const sent = await post(azud, { path: '/v1/events/orders', body, headers: NDJSON_TYPE, connections: 4, seconds });
      done.abort();
      await watching;
      await settled(azud);
      const words = `${seconds / 60} min, ${count(sent.requests * BATCH)} events`;
      return [
        below(`Memory of intake, peak (${words})`, peaks.get('intake') ?? 0, { limit: 200e6, words: mb }),
        below('Memory of analytics, peak', peaks.get('analytics') ?? 0, { limit: MEMORY_LIMIT, words: mb }),
      ];
    }),
};

async function watch(signal: AbortSignal, look: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await look();
    await systemClock.sleep(1_000, signal);
  }
}
