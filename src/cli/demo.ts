import { spawn } from 'node:child_process';
import { findPackageJSON } from 'node:module';
import { fileURLToPath } from 'node:url';
import { AzudError } from '../error/azud-error.ts';
import { Client } from './client.ts';
import { CONFIG_OPTIONS, type Command, type World } from './command.ts';
import { configOf } from './configuration.ts';
import { sendSource } from './send.ts';

const FLIGHTS = 200_000;
const PATIENCE_MS = 60_000;
const POLL_MS = 100;
const ANSWER_LENGTH = 400;
/** Two folders up both from src/cli and from dist/cli. */
const CONFIG = fileURLToPath(new URL('../../examples/flights/azud.yaml', import.meta.url));
const READER = fileURLToPath(new URL('../../examples/flights/flights.mjs', import.meta.url));
const FLIGHTS_PACKAGE = 'vega-datasets';
const CALLS = [
  '/v1/endpoints/delays_by_origin?limit=3',
  '/v1/endpoints/route?origin=LAX&destination=SFO',
  '/v1/datasets/flights/rows?origin=eq.SEA&delay=gt.120&order=-delay&limit=2',
];

export const demo: Command = {
  name: 'demo',
  summary: 'Run the flights example: 200,000 real flights through the public intake, then three calls to try.',
  arguments: [],
  options: { 'data-dir': CONFIG_OPTIONS['data-dir'] },
  settings: true,
  examples: ['azud demo', 'azud demo --server.port 9000'],
  async run(invocation, world) {
    requireFlights();
    const values = { ...invocation.values, config: CONFIG };
    const config = await configOf({ ...invocation, values }, world);
    const { start } = await import('../app/start.ts');
    // A load that fails ends the system as a signal would, and the failure is then told.
    const failed = new AbortController();
    const ready = Promise.withResolvers<string>();
    const running = start({
      config,
      signal: AbortSignal.any([world.signal, failed.signal]),
      say: (line) => world.out.say(line),
      onReady: ready.resolve,
    });
    const ended = running.then(() => null);
    const url = await Promise.race([ready.promise, ended]);
    if (url === null) return running;
    try {
      await Promise.race([show(url, world), ended]);
    } catch (error) {
      if (world.signal.aborted) return running;
      failed.abort();
      await running;
      throw error;
    }
    return running;
  },
};

async function show(url: string, world: World): Promise<void> {
  const client = new Client(url, { token: null, clock: world.clock });
  if ((await storedRows(client)) >= FLIGHTS)
    world.out.say(`\n${FLIGHTS.toLocaleString('en')} flights are loaded already`);
  else await load(client, world);
  await untilStored(client, world);
  for (const path of CALLS) {
    const text = await (await client.request(path, { signal: world.signal })).text();
    world.out.say(`\n$ curl '${url}${path}'`);
    world.out.data(text.length > ANSWER_LENGTH ? `${text.slice(0, ANSWER_LENGTH)}…` : text);
  }
  world.out.say(`\nserving at ${url} (every call: ${url}/docs); Ctrl-C ends it`);
}

async function load(client: Client, world: World): Promise<void> {
  world.out.say(`\nsending ${FLIGHTS.toLocaleString('en')} real flights to ${client.url}/v1/events/flights`);
  await sendSource(
    {
      source: { chunks: readFlights(), format: 'ndjson', totalBytes: null, totalEvents: FLIGHTS, identity: null },
      client,
      dataset: 'flights',
      patienceMs: PATIENCE_MS,
    },
    world,
  );
}

/** Said before anything is started. @throws AzudError `missing-package` */
function requireFlights(): void {
  try {
    if (findPackageJSON(FLIGHTS_PACKAGE, READER)) return;
  } catch {
    // Not found is thrown or answered, depending on the version of Node.
  }
  throw new AzudError('missing-package', `the demo needs its data: npm install ${FLIGHTS_PACKAGE}`);
}

/** Read in a process of its own: DuckDB, which reads the Parquet file, is no guest in this one. */
async function* readFlights(): AsyncGenerator<Buffer> {
  const child = spawn(process.execPath, [READER], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise<number | null>((done) => child.once('close', done));
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words += chunk.toString();
  });
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    if ((await exited) === 0) return;
    throw new AzudError('io-failed', `the flights cannot be read: ${words.trim()}`);
  } finally {
    child.kill();
  }
}

async function storedRows(client: Client): Promise<number> {
  return (await client.json<{ readonly rows: number }>('/v1/datasets/flights')).rows;
}

async function untilStored(client: Client, { clock, signal }: World): Promise<void> {
  while (!signal.aborted && (await storedRows(client)) < FLIGHTS) await clock.sleep(POLL_MS, signal);
}
