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

/** One round: events per second. */
async function round(eventsPerCall: number, call: () => unknown): Promise<number> {
  const start = performance.now();
  let calls = 0;
  while (performance.now() - start < ROUND_MS) {
    await call();
    calls++;
  }
  return (calls * eventsPerCall * 1000) / (performance.now() - start);
}

const validator = createValidator(dataset);
const scanAll = () => {
  for (let from = 0; from < ndjson.length; ) from = validator.scanner.read(ndjson, from, ndjson.length) + 1;
};
const contenders: Record<string, { readonly events: number; call(): unknown }> = {
  'JSON.parse a line': {
    events: BATCH,
    call: () => {
      for (const line of lines) JSON.parse(line);
    },
  },
  'scan only': { events: BATCH, call: scanAll },
  'intake, NDJSON': { events: BATCH, call: () => take(ndjson, 'application/x-ndjson') },
  'intake, array': { events: BATCH, call: () => take(array, 'application/json') },
  'intake, single event': { events: 1, call: () => take(single, 'application/json') },
};

// Contenders take turns, and the best round of each counts: what else the machine does only makes a round slower.
const best = new Map<string, number>();
for (let i = 0; i < ROUNDS; i++) {
  for (const [name, { events, call }] of Object.entries(contenders)) {
    best.set(name, Math.max(best.get(name) ?? 0, await round(events, call)));
  }
}
const base = best.get('JSON.parse a line') ?? 0;
process.stdout.write(`${BATCH} events of ${Math.round(ndjson.length / BATCH)} bytes; ratio to JSON.parse a line\n`);
for (const [name, perSecond] of best) {
  const rate = `${Math.round(perSecond).toLocaleString('en')}/s`;
  process.stdout.write(`${name.padEnd(22)} ${rate.padStart(12)}  ${(perSecond / base).toFixed(2)}\n`);
}
