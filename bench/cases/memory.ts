import { systemClock } from '../../src/lib/clock.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { System } from '../../test/support/system.ts';
import { inFlight, memoryOf, NDJSON_TYPE, post, settled, withAzud } from '../azud.ts';
import { below, type Case, count, mb } from '../case.ts';
import { benchConfig, eventLines } from '../events.ts';

const BATCH = 1_000;
/** `store.memory_limit` where nothing is said. */
const MEMORY_LIMIT = 2e9;
/**
 * Intake takes in more than is stored meanwhile, and no disk holds half an hour of the difference: the load waits when
 * so many events are in flight (9 GB of log), until half of them are stored.
 */
const IN_FLIGHT_MAX = 40_000_000;
/** Of log that is stored already: the disk is wanted for the rest. */
const BROKER = { kind: 'log', retention_bytes: '1GiB' };
/** How often what is in flight is looked at, seconds. */
const TURN = 5;

export const memory: Case = {
  name: 'memory',
  about: 'full rate for minutes (--soak 30 for the long form): resident memory stays flat',
  run: ({ quick, soakMinutes, say }) =>
    withAzud({ ...benchConfig(), broker: BROKER }, async (azud) => {
      const seconds = quick ? 10 : soakMinutes * 60;
      const peaks = new Map<string, number>();
      const done = new AbortController();
      const watching = watch(done.signal, async () => {
        const sizes = await memoryOf(azud);
        for (const [role, bytes] of sizes) peaks.set(role, Math.max(bytes, peaks.get(role) ?? 0));
        say([...sizes].map(([role, bytes]) => `${role} ${mb(bytes)}`).join(', '));
      });
      const requests = await fullRate(azud, seconds);
      done.abort();
      await watching;
      await settled(azud);
      const words = `${seconds / 60} min, ${count(requests * BATCH)} events`;
      return [
        below(`Memory of intake, peak (${words})`, peaks.get('intake') ?? 0, { limit: 200e6, words: mb }),
        below('Memory of analytics, peak', peaks.get('analytics') ?? 0, { limit: MEMORY_LIMIT, words: mb }),
      ];
    }),
};

/** Posts batches for so long, with pauses where the disk needs them. Resolves with how many were accepted. */
async function fullRate(azud: System, seconds: number): Promise<number> {
  const body = eventLines(0, BATCH);
  const ends = performance.now() + seconds * 1_000;
  let requests = 0;
  while (performance.now() < ends) {
    const turn = { connections: 4, seconds: Math.min(TURN, (ends - performance.now()) / 1_000) };
    const sent = await post(azud, { path: '/v1/events/orders', body, headers: NDJSON_TYPE, ...turn });
    if (sent.errors > 0) throw new Error(`${sent.errors} batches were not accepted`);
    requests += sent.requests;
    if ((await inFlight(azud)) < IN_FLIGHT_MAX) continue;
    await eventually(
      async () => {
        if ((await inFlight(azud)) > IN_FLIGHT_MAX / 2) throw new Error('too many events are in flight');
      },
      { timeoutMs: 600_000, intervalMs: 250 },
    );
  }
  return requests;
}

async function watch(signal: AbortSignal, look: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await look();
    await systemClock.sleep(1_000, signal);
  }
}
