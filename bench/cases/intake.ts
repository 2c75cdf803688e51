import { compileDataset, createValidator } from '../../src/event/validator.ts';
import { Intake } from '../../src/intake/intake.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { atLeast, type Case, perSecond, shape } from '../case.ts';
import { EVENT_SCHEMA, eventLine } from '../events.ts';

const BATCH = 1_000;

export const intake: Case = {
  name: 'intake',
  about: 'the work of intake alone, in one thread, without HTTP and broker: scan, check, stamp and encode',
  async run({ quick }) {
    const best = await bestRates(contenders(), { rounds: quick ? 2 : 7, roundMs: quick ? 100 : 400 });
    const parse = best.get('parse') ?? 0;
    const against = (what: string, name: string, bound: number) =>
      atLeast(what, bound, {
        measured: best.get(name) ?? 0,
        reference: parse,
        unit: 'events',
        of: 'JSON.parse of the same lines',
      });
    return [
      against('Strict scan alone', 'scan', 1),
      against('Plain scan alone', 'plain', 2),
      against('Intake of NDJSON, one thread', 'ndjson', 1.5),
      against('Intake of a JSON array, one thread', 'array', 1.5),
      shape('Intake of single events, one thread', perSecond(best.get('single') ?? 0, 'events')),
    ];
  },
};

interface Contender {
  readonly events: number;
  call(): unknown;
}

function contenders(): ReadonlyMap<string, Contender> {
  const dataset = compileDataset('orders', { schema: EVENT_SCHEMA });
  const lines = Array.from({ length: BATCH }, (_, i) => eventLine(i));
  const ndjson = Buffer.from(`${lines.join('\n')}\n`);
  const array = Buffer.from(`[${lines.join(',')}]`);
  const room = new Intake({
    datasets: new Map([[dataset.name, dataset]]),
    publish: async (messages) => messages.map(() => ({ position: null })),
    clock: systemClock,
  });
  const take = (type: string, body: Buffer) =>
    room.take({ dataset: dataset.name, headers: { 'content-type': type }, body, strict: false });
  const validator = createValidator(dataset);
  const { scanner } = validator;
  const scanAll = () => {
    for (let from = 0; from < ndjson.length; ) from = scanner.read(ndjson, from, ndjson.length) + 1;
  };
  const scanPlain = () => {
    validator.begin(ndjson);
    for (let from = 0; from < ndjson.length; ) {
      const end = validator.readPlain(ndjson, from, ndjson.length);
      if (end === 0) throw new Error(`the plain scan is not sure of the event at ${from}`);
      from = end + 1;
    }
  };
  const parseAll = () => {
    for (const line of lines) JSON.parse(line);
  };
  return new Map<string, Contender>([
    ['parse', { events: BATCH, call: parseAll }],
    ['scan', { events: BATCH, call: scanAll }],
    ['plain', { events: BATCH, call: scanPlain }],
    ['ndjson', { events: BATCH, call: () => take('application/x-ndjson', ndjson) }],
    ['array', { events: BATCH, call: () => take('application/json', array) }],
    ['single', { events: 1, call: () => take('application/json', Buffer.from(lines[0] ?? '')) }],
  ]);
}

/** Contenders take turns, and the best round of each counts: what else the machine does only makes a round slower. */
async function bestRates(
  all: ReadonlyMap<string, Contender>,
  { rounds, roundMs }: { readonly rounds: number; readonly roundMs: number },
): Promise<ReadonlyMap<string, number>> {
  const best = new Map<string, number>();
  for (let i = 0; i < rounds; i += 1) {
    for (const [name, contender] of all)
      best.set(name, Math.max(best.get(name) ?? 0, await rateOf(contender, roundMs)));
  }
  return best;
}

async function rateOf({ events, call }: Contender, roundMs: number): Promise<number> {
  const started = performance.now();
  let calls = 0;
  while (performance.now() - started < roundMs) {
    await call();
    calls += 1;
  }
  return (calls * events * 1_000) / (performance.now() - started);
}
