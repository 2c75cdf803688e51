import { sendAll, settled, underLoad, withAzud } from '../azud.ts';
import { below, type Case, count, ms } from '../case.ts';
import { ask } from '../client.ts';
import { benchConfig, eventLines } from '../events.ts';
import { Pace, quantile } from '../pace.ts';
import { maximumRate } from './freshness.ts';

const BATCH = 1_000;
/** Not timed: the first reads of a system compile its code, and there are 600 in all. */
const WARM_READS = 100;

export const rowById: Case = {
  name: 'row-by-id',
  about: 'one row by its id with 5 million stored, while intake runs at a quarter of its maximum',
  run: ({ quick, say }) =>
    withAzud(benchConfig(), async (azud) => {
      const rows = quick ? 200_000 : 5_000_000;
      const body = eventLines(0, BATCH);
      const url = `${azud.url}/v1/events/orders`;
      const maximum = await maximumRate(azud, 100);
      for (let sent = 0; sent < rows; sent += 250 * BATCH) {
        say(`${count(sent)} of ${count(rows)} rows`);
        await sendAll(
          url,
          Array.from({ length: 250 }, () => body),
          4,
        );
        await settled(azud);
      }
      const ids = await someIds(azud.url, 200);
      say(`${count(rows)} rows stored; reading by id at a quarter of ${count(maximum)} events/s`);
      const seconds = quick ? 5 : 30;
      const read = nextRead(azud.url, ids);
      for (let n = 0; n < WARM_READS; n += 1) await read();
      const reading = new Pace(20, read);
      await underLoad({ url, perSecond: maximum / 4 / BATCH, seconds }, () => reading.run(seconds * 1_000));
      const p99 = quantile(reading.latenciesMs, 0.99);
      return [below(`Row by id, ${count(rows)} rows, intake at a quarter, p99`, p99, { limit: 20, words: ms })];
    }),
};

/** Ids from all over the table: the first rows of pages in both directions. */
async function someIds(url: string, wanted: number): Promise<string[]> {
  const ids: string[] = [];
  for (const order of ['-_received_at', '_received_at']) {
    const answer = await fetch(`${url}/v1/datasets/orders/rows?select=_event_id&limit=${wanted / 2}&order=${order}`);
    const { data } = (await answer.json()) as { data: { _event_id: string }[] };
    ids.push(...data.map((row) => row._event_id));
  }
  return ids;
}

function nextRead(url: string, ids: readonly string[]): () => Promise<number> {
  let n = 0;
  return () => {
    n += 1;
    return ask(`${url}/v1/datasets/orders/rows/${ids[(n * 7) % ids.length]}`);
  };
}
