/**
 * Intake against plain `JSON.parse` of the same lines, in one thread and one run: scan, check, stamp and encode, without
 * the broker. Prints events/s and the ratio. Usage: `node bench/intake.ts`
 */
import { compileDataset, createValidator } from '../src/event/validator.ts';
import { Intake } from '../src/intake/intake.ts';
import { systemClock } from '../src/lib/clock.ts';

const BATCH = 1_000;
const ROUNDS = 7;
const ROUND_MS = 400;

const dataset = compileDataset('flights', {
  schema: {
    type: 'object',
    required: ['flight_id', 'date', 'delay'],
    properties: {
      flight_id: { type: 'string', maxLength: 40 },
      date: { type: 'string', format: 'date-time' },
      delay: { type: 'integer', minimum: -10_000 },
      distance: { type: 'integer' },
      origin: { type: 'string', pattern: '^[A-Z]{3}$' },
      destination: { type: 'string', maxLength: 3 },
      carrier: { type: ['string', 'null'] },
      price: { type: 'number' },
      cancelled: { type: 'boolean' },
      note: { type: 'string' },
    },
  },
});

/** About 220 bytes. */
function event(i: number): object {
  return {
    flight_id: `SCL-LIM-2026-${100_000 + i}`,
    date: `2026-03-${String(1 + (i % 28)).padStart(2, '0')}T08:${String(i % 60).padStart(2, '0')}:00Z`,
    delay: (i % 90) - 10,
    distance: 2454 + (i % 1000),
    origin: 'SCL',
    destination: 'LIM',
    carrier: i % 3 === 0 ? null : 'Azul del Sur',
    price: Number((100 + (i % 977) * 1.37).toFixed(2)),
    cancelled: i % 50 === 0,
    note: 'on time, gate changed to 24',
  };
}

const lines = Array.from({ length: BATCH }, (_, i) => JSON.stringify(event(i)));
const ndjson = Buffer.from(`${lines.join('\n')}\n`);
const array = Buffer.from(`[${lines.join(',')}]`);
const single = Buffer.from(lines[0] ?? '');
const intake = new Intake({
  datasets: new Map([[dataset.name, dataset]]),
  publish: async (messages) => messages.map(() => ({ position: null })),
  clock: systemClock,
});

const take = (body: Buffer, type: string) =>
  intake.take({ dataset: dataset.name, headers: { 'content-type': type }, body, strict: false });

/** Events per second, the best of some rounds: what disturbs a round only makes it slower. */
async function rate(eventsPerCall: number, call: () => unknown): Promise<number> {
  let best = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    let calls = 0;
    while (performance.now() - start < ROUND_MS) {
      await call();
      calls++;
    }
    best = Math.max(best, (calls * eventsPerCall * 1000) / (performance.now() - start));
  }
  return best;
}

const validator = createValidator(dataset);
const scanAll = () => {
  for (let from = 0; from < ndjson.length; ) from = validator.scanner.read(ndjson, from, ndjson.length) + 1;
};
const report = (name: string, perSecond: number, base: number) =>
  process.stdout.write(
    `${name.padEnd(34)} ${Math.round(perSecond).toLocaleString('en')}/s  ${(perSecond / base).toFixed(2)}\n`,
  );

const parse = await rate(BATCH, () => {
  for (const line of lines) JSON.parse(line);
});
const wire = ndjson.toString('latin1').trimEnd();
const parseFromBody = await rate(BATCH, () => {
  for (const line of wire.split('\n')) JSON.parse(line);
});
process.stdout.write(`${BATCH} events of ${Math.round(ndjson.length / BATCH)} bytes; ratio to JSON.parse a line\n`);
report('JSON.parse a line', parse, parse);
report('split, JSON.parse a line', parseFromBody, parse);
report('scan only', await rate(BATCH, scanAll), parse);
report('intake, NDJSON', await rate(BATCH, () => take(ndjson, 'application/x-ndjson')), parse);
report('intake, array', await rate(BATCH, () => take(array, 'application/json')), parse);
const singles = await rate(1, () => take(single, 'application/json'));
report('intake, single event', singles, parse);
process.stdout.write(`a single event costs ${(1e6 / singles).toFixed(2)} µs\n`);
