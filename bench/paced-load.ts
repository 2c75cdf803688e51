/**
 * Posts the batch of 1,000 events at a steady rate, in a process of its own: what is measured beside it must not wait for
 * the generator's turn of the event loop. Arguments: the dataset's URL, batches a second, seconds.
 */
import { NDJSON_TYPE } from './azud.ts';
import { eventLines } from './events.ts';
import { Pace } from './pace.ts';

const [url = '', perSecond = '', seconds = ''] = process.argv.slice(2);
const body = eventLines(0, 1_000) as Buffer<ArrayBuffer>;
await new Pace(Number(perSecond), () => fetch(url, { method: 'POST', headers: NDJSON_TYPE, body })).run(
  Number(seconds) * 1_000,
);
