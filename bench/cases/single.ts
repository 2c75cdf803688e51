import { JSON_TYPE, post, withAzud, withBareServer } from '../azud.ts';
import { atLeast, type Case, median, ms, shape } from '../case.ts';
import { benchConfig, eventLine } from '../events.ts';
import { load } from '../http-load.ts';

const PATH = '/v1/events/orders';

export const single: Case = {
  name: 'single',
  about: 'one event a request, durable, 64 connections, against a bare node:http server that parses the same JSON',
  async run({ quick, say }) {
    const body = Buffer.from(eventLine(1));
    const seconds = quick ? 2 : 8;
    const common = { path: PATH, body, headers: JSON_TYPE, connections: 64, seconds };
    const rounds = quick ? 1 : 3;
    const bare: number[] = [];
    const azudRates: number[] = [];
    let p99 = 0;
    await withAzud(benchConfig(), (azud) =>
      withBareServer(async (port) => {
        await post(azud, { ...common, seconds: 2 });
        await load({ ...common, port, seconds: 2 });
        // In turns, so that both meet the machine's moods.
        for (let round = 0; round < rounds; round += 1) {
          say(`round ${round + 1} of ${rounds}`);
          bare.push((await load({ ...common, port })).rate);
          const result = await post(azud, common);
          if (result.errors > 0) throw new Error(`${result.errors} requests failed`);
          azudRates.push(result.rate);
          p99 = Math.max(p99, result.p99);
        }
      }),
    );
    return [
      atLeast('Single-event POST, 64 connections', 0.7, {
        measured: median(azudRates),
        reference: median(bare),
        unit: 'requests',
        of: 'bare node:http, keeps nothing',
      }),
      shape('… its 99th percentile', ms(p99)),
    ];
  },
};
