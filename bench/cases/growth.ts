import { JSON_TYPE, post, sendAll, settled, withAzud } from '../azud.ts';
import { type Case, count, type Figure, median, perSecond, shape } from '../case.ts';
import { benchConfig, eventLine, eventLines } from '../events.ts';

const BATCH = 1_000;

export const growth: Case = {
  name: 'growth',
  about: 'the shape of growth: datasets, rows, connections',
  async run({ quick, say }) {
    const figures: Figure[] = [];
    for (const datasets of [1, 10, 100]) {
      say(`${datasets} datasets`);
      figures.push(await overDatasets(datasets, quick ? 50 : 300));
    }
    figures.push(...(await overRows(quick ? [1e4, 1e5] : [1e5, 1e6, 1e7], say)));
    for (const connections of [1, 64, 1_000]) {
      say(`${connections} connections`);
      figures.push(await overConnections(connections, quick ? 2 : 6));
    }
    return figures;
  },
};

/** The same batches spread over more datasets. */
function overDatasets(datasets: number, batches: number): Promise<Figure> {
  return withAzud(benchConfig(datasets), async (azud) => {
    const body = eventLines(0, BATCH);
    const urls = Array.from(
      { length: datasets },
      (_, i) => `${azud.url}/v1/events/orders${datasets > 1 ? `_${i}` : ''}`,
    );
    const started = performance.now();
    const worker = async (from: number) => {
      for (let n = from; n < batches; n += 4) await sendAll(urls[n % datasets] as string, [body], 1);
    };
    await Promise.all([0, 1, 2, 3].map(worker));
    await settled(azud);
    const rate = (batches * BATCH) / ((performance.now() - started) / 1_000);
    return shape(`Accepted → queryable, ${datasets} datasets`, perSecond(rate, 'events'));
  });
}

/** The rate of 100,000 more when so many are stored already: the middle of the last five, for one may meet a fold. */
function overRows(sizes: readonly number[], say: (text: string) => void): Promise<readonly Figure[]> {
  return withAzud(benchConfig(), async (azud) => {
    const bodies = Array.from({ length: 100 }, (_, i) => eventLines(i * BATCH, BATCH));
    const figures: Figure[] = [];
    let stored = 0;
    for (const size of sizes) {
      const rates: number[] = [];
      while (stored < size) {
        const started = performance.now();
        await sendAll(`${azud.url}/v1/events/orders`, bodies, 4);
        await settled(azud);
        rates.push(1e5 / ((performance.now() - started) / 1_000));
        stored += 1e5;
        say(`${count(stored)} rows`);
      }
      figures.push(
        shape(`Accepted → queryable, ${count(size)} rows stored`, perSecond(median(rates.slice(-5)), 'events')),
      );
    }
    return figures;
  });
}

function overConnections(connections: number, seconds: number): Promise<Figure> {
  return withAzud(benchConfig(), async (azud) => {
    const body = Buffer.from(eventLine(1));
    const result = await post(azud, { path: '/v1/events/orders', body, headers: JSON_TYPE, connections, seconds });
    if (result.errors > 0) throw new Error(`${result.errors} requests failed at ${connections} connections`);
    await settled(azud);
    return shape(`Single-event POST, ${count(connections)} connections`, perSecond(result.rate, 'requests'));
  });
}
