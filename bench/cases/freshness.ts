import { systemClock } from '../../src/lib/clock.ts';
import type { System } from '../../test/support/system.ts';
import { JSON_TYPE, sendAll, settled, underLoad, withAzud } from '../azud.ts';
import { below, type Case, ms } from '../case.ts';
import { benchConfig, eventLine, eventLines } from '../events.ts';
import { quantile } from '../pace.ts';

const BATCH = 1_000;
/** How exactly a delay is known, ms. */
const POLL_MS = 10;

export const freshness: Case = {
  name: 'freshness',
  about: 'accepted to queryable while taking in at half of the maximum rate',
  run: ({ quick, say }) =>
    withAzud(benchConfig(), async (azud) => {
      const maximum = await maximumRate(azud, quick ? 100 : 400);
      say(`maximum ${Math.round(maximum)} events/s; now half of it`);
      const seconds = quick ? 5 : 30;
      const delays: number[] = [];
      const load = { url: `${azud.url}/v1/events/orders`, perSecond: maximum / 2 / BATCH, seconds };
      await underLoad(load, async () => {
        const deadline = performance.now() + seconds * 1_000;
        while (performance.now() < deadline) delays.push(await visibleAfterMs(azud));
      });
      return [below('Accepted → queryable at half rate, p99', quantile(delays, 0.99), { limit: 1_000, words: ms })];
    }),
};

const body = eventLines(0, BATCH);

/** Events a second that go in and become queryable. */
export async function maximumRate(azud: System, batches: number): Promise<number> {
  const bodies = Array.from({ length: batches }, () => body);
  await sendAll(`${azud.url}/v1/events/orders`, bodies.slice(0, 20), 4);
  await settled(azud);
  const started = performance.now();
  await sendAll(`${azud.url}/v1/events/orders`, bodies, 4);
  await settled(azud);
  return (batches * BATCH) / ((performance.now() - started) / 1_000);
}

/** From the answer 202 of one event to the first read that finds its row, ms. */
async function visibleAfterMs(azud: System): Promise<number> {
  const answer = await azud.post('/v1/events/orders', eventLine(-1), JSON_TYPE);
  const accepted = performance.now();
  const { transaction_id: id } = (await answer.json()) as { transaction_id: string };
  for (;;) {
    const receipt = (await (await azud.get(`/v1/transactions/${id}`)).json()) as { state?: string };
    if (receipt.state === 'stored') return performance.now() - accepted;
    // Asking without a pause would take a core from what is measured.
    await systemClock.sleep(POLL_MS);
  }
}
