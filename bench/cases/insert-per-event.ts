import { asSuperuser, dropSchema, freshSchema, POSTGRES_URL } from '../../test/support/postgres.ts';
import type { System } from '../../test/support/system.ts';
import { JSON_TYPE, portOf, settled, withAzud, withInsertServer } from '../azud.ts';
import { atLeast, below, type Case, type CaseOptions, type Figure, median, ms, perSecond, shape } from '../case.ts';
import { benchConfig, eventLine } from '../events.ts';
import { type LoadResult, load } from '../http-load.ts';

const PATH = '/v1/events/orders';
const CONNECTIONS = 64;

/** What a team would make: the columns of the events, a key, and the time. */
const table = (name: string): string => `CREATE TABLE ${name} (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), received_at timestamptz NOT NULL DEFAULT now(),
  seq bigint NOT NULL, placed_at timestamptz, customer text, country text, channel text, items bigint,
  amount double precision, paid boolean, referrer text, latitude double precision, note text)`;

type Results = Readonly<Record<'azud' | 'plain' | 'tuned', LoadResult[]>>;

/** All three in turns, so that they meet the machine's moods. */
async function rounds(azud: System, ports: readonly [number, number], { quick, say }: CaseOptions): Promise<Results> {
  const [plain, tuned] = ports;
  const body = Buffer.from(eventLine(1));
  const common = { path: PATH, body, headers: JSON_TYPE, connections: CONNECTIONS, seconds: quick ? 2 : 8 };
  const results: Results = { azud: [], plain: [], tuned: [] };
  for (const port of [portOf(azud), plain, tuned]) await load({ ...common, port, seconds: 2 });
  for (let round = 0; round < (quick ? 1 : 3); round += 1) {
    say(`round ${round + 1}`);
    // What Azud has taken in is stored before the others' turn: it would be loading meanwhile.
    await settled(azud);
    results.plain.push(await load({ ...common, port: plain }));
    results.tuned.push(await load({ ...common, port: tuned }));
    results.azud.push(await load({ ...common, port: portOf(azud) }));
  }
  await settled(azud);
  const failed = Object.values(results)
    .flat()
    .filter(({ errors }) => errors > 0);
  if (failed.length > 0) throw new Error(`requests failed: ${JSON.stringify(failed)}`);
  return results;
}

async function measure(options: CaseOptions): Promise<readonly Figure[]> {
  const [schema, classic] = [freshSchema(), freshSchema()];
  const common = { url: POSTGRES_URL, table: `${classic}.orders` };
  const store = { kind: 'postgres', url: POSTGRES_URL, schema };
  await asSuperuser(`CREATE SCHEMA ${classic}; ${table(`${classic}.orders`)}`);
  try {
    const results = await withAzud({ ...benchConfig(), broker: { kind: 'log' }, store }, (azud) =>
      withInsertServer({ ...common, form: 'plain' }, (plain) =>
        withInsertServer({ ...common, form: 'tuned' }, (tuned) => rounds(azud, [plain, tuned], options)),
      ),
    );
    return figuresOf(results);
  } finally {
    await dropSchema(schema);
    await dropSchema(classic);
  }
}

function figuresOf({ azud, plain, tuned }: Results): readonly Figure[] {
  const rate = (results: readonly LoadResult[]) => median(results.map((each) => each.rate));
  const p99 = (results: readonly LoadResult[]) => median(results.map((each) => each.p99));
  const ratio = (rate(azud) / rate(tuned)).toFixed(2);
  return [
    atLeast(`Single events into PostgreSQL by way of the log, ${CONNECTIONS} connections`, 5, {
      measured: rate(azud),
      reference: rate(plain),
      unit: 'requests',
      of: 'a Node server that INSERTs each event before it answers, its pool as pg makes it',
    }),
    below('… its 99th percentile, against that of the INSERTs', p99(azud), { limit: p99(plain), words: ms }),
    shape('… the INSERTs prepared, over 32 connections', perSecond(rate(tuned), 'requests'), `Azud is ${ratio} of it`),
  ];
}

export const insertPerEvent: Case = {
  name: 'insert-per-event',
  about: 'one event a request with the store postgres, against a Node server that INSERTs each event',
  run: measure,
};
