import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { after } from 'node:test';
import { createClient } from 'redis';
import { eventually } from './eventually.ts';
import { freePort } from './system.ts';

/** Where the tests find a Redis that they share. */
export const REDIS_URL = process.env.AZUD_TEST_REDIS ?? 'redis://127.0.0.1:6379';

/** What the tests of the cache `redis` lack here, in words, or null. */
export async function missingRedis(): Promise<string | null> {
  try {
    await onRedis(REDIS_URL, (ask) => ask('PING'));
  } catch (error) {
    return `no Redis at ${REDIS_URL}: ${error instanceof Error ? error.message : String(error)}`;
  }
  return spawnSync('redis-server', ['--version']).status === 0
    ? null
    : 'there is no redis-server to start a second one with';
}

type Ask = (...words: string[]) => Promise<unknown>;

/** As an operator would: past the driver. */
export async function onRedis<T>(url: string, act: (ask: Ask) => Promise<T>): Promise<T> {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on('error', () => {});
  await client.connect();
  try {
    return await act((...words) => client.sendCommand(words));
  } finally {
    client.destroy();
  }
}

/** A prefix of its own on the shared server, whose keys go when the tests of the file have ended. */
export function freshPrefix(url = REDIS_URL): string {
  const prefix = `azud_test:${randomUUID()}:`;
  after(() =>
    onRedis(url, async (ask) => {
      const keys = (await ask('KEYS', `${prefix}*`)) as string[];
      if (keys.length > 0) await ask('DEL', ...keys);
    }),
  );
  return prefix;
}

/** A Redis of a test's own, in memory alone, which it may kill, stop and let go on. */
export class RedisServer {
  readonly port: number;
  readonly #flags: readonly string[];
  #process: ChildProcess | null = null;

  private constructor(port: number, flags: readonly string[]) {
    this.port = port;
    this.#flags = flags;
  }

  static async start(...flags: string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), flags);
    try {
      await server.up();
    } catch (error) {
      await server.down();
      throw error;
    }
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it, empty. */
  async up(): Promise<void> {
    const flags = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', ...this.#flags];
    this.#process = spawn('redis-server', flags, { stdio: 'ignore', cwd: tmpdir() });
    await eventually(() => onRedis(this.url, (ask) => ask('PING')).catch(refusalCounts));
  }

  /** kill -9 */
  async down(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** It takes connections and answers nothing. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }
}

/** A server that asks for a password is up. */
function refusalCounts(error: Error): void {
  if (!/NOAUTH/.test(error.message)) throw error;
}
