import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../test/support/eventually.ts';
import { type System, startSystem } from '../test/support/system.ts';
import { type LoadResult, load } from './http-load.ts';

/** A running Azud for a benchmark, stopped and removed afterwards whatever happens. */
export async function withAzud<T>(config: Record<string, unknown>, use: (azud: System) => Promise<T>): Promise<T> {
  const azud = await startSystem({ config });
  try {
    return await use(azud);
  } finally {
    await azud.stop();
  }
}

/** The bare server in a process of its own. */
export function withBareServer<T>(use: (port: number) => Promise<T>): Promise<T> {
  return withServer('bare-server.ts', [], use);
}

/** The server that INSERTs each event, in a process of its own: `plain` or `tuned`. */
export function withInsertServer<T>(
  options: { readonly url: string; readonly table: string; readonly form: 'plain' | 'tuned' },
  use: (port: number) => Promise<T>,
): Promise<T> {
  return withServer('insert-server.ts', [options.url, options.table, options.form], use);
}

/** Measures while batches of 1,000 are posted to the URL by a process of its own, once that has begun. @throws Error when one is not accepted */
export function underLoad<T>(
  { url, perSecond, seconds }: { readonly url: string; readonly perSecond: number; readonly seconds: number },
  measure: () => Promise<T>,
): Promise<T> {
  return withChild('paced-load.ts', [url, String(perSecond), String(seconds)], async (child) => {
    const exit = once(child, 'exit').then(([code]) => {
      if (code !== 0) throw new Error('the load was not accepted');
    });
    await Promise.race([once(child, 'message'), exit]);
    const [result] = await Promise.all([measure(), exit]);
    return result;
  });
}

/** It tells its port when it listens. */
function withServer<T>(file: string, args: readonly string[], use: (port: number) => Promise<T>): Promise<T> {
  return withChild(file, args, async (child) => {
    const [port] = (await once(child, 'message')) as [number];
    return use(port);
  });
}

/** A file of this folder in a process of its own, which ends with the body. */
async function withChild<T>(
  file: string,
  args: readonly string[],
  use: (child: ChildProcess) => Promise<T>,
): Promise<T> {
  const child = fork(join(import.meta.dirname, file), args);
  try {
    return await use(child);
  } finally {
    child.kill('SIGKILL');
  }
}

export const portOf = (azud: System): number => Number(new URL(azud.url).port);

export const JSON_TYPE = { 'content-type': 'application/json' };
export const NDJSON_TYPE = { 'content-type': 'application/x-ndjson' };

/** Posts bodies to a dataset from as many connections, each waiting for its answer, for so long. */
export function post(azud: System, options: Omit<Parameters<typeof load>[0], 'port'>): Promise<LoadResult> {
  return load({ port: portOf(azud), ...options });
}

/** Sends each body once, `connections` at a time, through the cheap generator. @throws Error when one is not accepted */
export async function sendAll(url: string, bodies: readonly Buffer[], connections: number): Promise<void> {
  const { port, pathname } = new URL(url);
  const { requests, errors } = await load({
    port: Number(port),
    path: pathname,
    headers: NDJSON_TYPE,
    body: (n) => bodies[n] as Buffer,
    connections: Math.min(connections, bodies.length),
    seconds: 3_600,
    requestsMax: bodies.length,
  });
  if (errors > 0 || requests < bodies.length) throw new Error(`${requests} of ${bodies.length} batches were accepted`);
}

/** Resolves when everything accepted is in the store. @throws Error when that takes too long or does not balance */
export async function settled(azud: System, timeoutMs = 600_000): Promise<void> {
  await eventually(
    async () => {
      if ((await inFlight(azud)) > 0) throw new Error('events are still in flight');
    },
    { timeoutMs, intervalMs: 5 },
  );
}

/** Events accepted and neither stored, dead nor duplicates yet. @throws Error when the sums do not balance */
export async function inFlight(azud: System): Promise<number> {
  const answer = await azud.get('/v1/conservation');
  const { balanced, datasets } = (await answer.json()) as Conservation;
  if (!balanced) throw new Error('the sums do not balance');
  return datasets.reduce((sum, { in_flight }) => sum + in_flight, 0);
}

interface Conservation {
  readonly balanced: boolean;
  readonly datasets: readonly { readonly in_flight: number }[];
}

/** Resident memory by role, bytes, as the kernel counts it. */
export async function memoryOf(azud: System): Promise<ReadonlyMap<string, number>> {
  const facts = await azud.children();
  const sizes = facts.map(async ({ pid, role }) => [role, await residentBytes(pid)] as const);
  return new Map(await Promise.all(sizes));
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}
