import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { sendAll, settled, withAzud } from '../azud.ts';
import { atLeast, type Case, median } from '../case.ts';
import { benchConfig, DUCKDB_COLUMNS, eventLines } from '../events.ts';

const BATCH = 1_000;
/** Sent before anything is timed: a system that has been running for a second or two, its code compiled. */
const WARM_BATCHES = 500;
/** Enough that the next batches are read and checked while a group is synced. */
const CONNECTIONS = 8;

export const batches: Case = {
  name: 'batches',
  about: 'NDJSON in batches of 1,000: accepted against JSON.parse, queryable against read_json',
  async run({ quick, say }) {
    const total = quick ? 100_000 : 1_000_000;
    const bodies = Array.from({ length: total / BATCH }, (_, i) => eventLines(i * BATCH, BATCH));
    const rounds = quick ? 1 : 3;
    const figures = {
      parse: [] as number[],
      readJson: [] as number[],
      accepted: [] as number[],
      queryable: [] as number[],
    };
    for (let round = 0; round < rounds; round += 1) {
      say(`round ${round + 1} of ${rounds}`);
      figures.parse.push(total / parseSeconds(bodies));
      figures.readJson.push(total / (await readJsonSeconds(bodies)));
      await withAzud(benchConfig(), async (azud) => {
        await sendAll(`${azud.url}/v1/events/orders`, bodies.slice(0, quick ? 50 : WARM_BATCHES), CONNECTIONS);
        await settled(azud);
        const started = performance.now();
        await sendAll(`${azud.url}/v1/events/orders`, bodies, CONNECTIONS);
        figures.accepted.push(total / ((performance.now() - started) / 1_000));
        await settled(azud);
        figures.queryable.push(total / ((performance.now() - started) / 1_000));
      });
    }
    return [
      atLeast('NDJSON, validated and durable', 0.5, {
        measured: median(figures.accepted),
        reference: median(figures.parse),
        unit: 'events',
        of: 'JSON.parse of the same lines, one thread',
      }),
      atLeast('NDJSON, accepted → queryable', 0.5, {
        measured: median(figures.queryable),
        reference: median(figures.readJson),
        unit: 'events',
        of: "DuckDB's read_json of the same file",
      }),
    ];
  },
};

/** What plain parsing alone would take: every line to a value, nothing kept. */
function parseSeconds(bodies: readonly Buffer[]): number {
  const started = performance.now();
  for (const body of bodies) {
    for (const line of body.toString().split('\n')) if (line.length > 0) JSON.parse(line);
  }
  return (performance.now() - started) / 1_000;
}

async function readJsonSeconds(bodies: readonly Buffer[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'azud-bench-'));
  try {
    const file = join(folder, 'events.ndjson');
    await writeFile(file, Buffer.concat(bodies));
    const instance = await DuckDBInstance.create(join(folder, 'reference.duckdb'));
    const connection = await instance.connect();
    const started = performance.now();
    await connection.run(
      `CREATE TABLE orders AS SELECT * FROM read_json('${file}', format = 'newline_delimited', columns = ${DUCKDB_COLUMNS})`,
    );
    const seconds = (performance.now() - started) / 1_000;
    connection.closeSync();
    instance.closeSync();
    return seconds;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
