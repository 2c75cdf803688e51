/**
 * Posts the batch of 1,000 events at a steady rate, in a process of its own: what is measured beside it must not wait for
 * the generator's turn of the event loop. It says when it is in full swing. Arguments: the dataset's URL, batches a second,
 * seconds from then on.
 */
import { systemClock } from '../src/lib/clock.ts';
import { NDJSON_TYPE } from './azud.ts';
import { ask } from './client.ts';
import { eventLines } from './events.ts';
import { Pace } from './pace.ts';

const [url = '', perSecond = '', seconds = ''] = process.argv.slice(2);
const body = eventLines(0, 1_000);
/** Until then what it takes is its own start: a process of Node compiles for a second. */
const SWING_MS = 1_500;

const load = new Pace(Number(perSecond), () => ask(url, { method: 'POST', headers: NDJSON_TYPE, body }));
const ended = load.run(Number(seconds) * 1_000 + SWING_MS);
await systemClock.sleep(SWING_MS);
process.send?.('in full swing');
await ended;
process.disconnect?.();
