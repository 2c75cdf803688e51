import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JetStreamApiCodes, jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats } from '@nats-io/transport-node';
import type { NatsSettings } from '../../src/broker/nats/driver.ts';
import { atEnd } from './at-end.ts';
import { eventually } from './eventually.ts';
import { freePort } from './system.ts';

/** Where the tests find a NATS server with JetStream that they share. */
export const NATS_SERVER = process.env.AZUD_TEST_NATS ?? '127.0.0.1:4222';

/** For a driver on it. */
export const NATS_SETTINGS: NatsSettings = {
  servers: NATS_SERVER,
  user: null,
  password: null,
  token: null,
  credentials: null,
  ca: null,
  stream: null,
  replicas: 1,
  max_bytes: null,
  duplicate_window: 120_000,
  monitor_url: null,
  sync_always: false,
  auto_declare: true,
  allow_unsafe: true,
};

/** What the tests of the broker `nats` lack here, in words, or null. */
export async function missingNats(): Promise<string | null> {
  const [host = '127.0.0.1', port = '4222'] = NATS_SERVER.split(':');
  if (!(await answers(host, Number(port)))) return `no NATS server answers at ${NATS_SERVER}`;
  if (spawnSync('nats-server', ['--version']).status !== 0) return 'there is no nats-server to start a second one with';
  return null;
}

/** A NATS server with JetStream of a test's own, which it may kill. */
export class NatsServer {
  readonly port: number;
  readonly #folder: string;
  readonly #flags: readonly string[];
  #process: ChildProcess | null = null;

  private constructor(port: number, folder: string, flags: readonly string[]) {
    this.port = port;
    this.#folder = folder;
    this.#flags = flags;
  }

  static async start(...flags: string[]): Promise<NatsServer> {
    const server = new NatsServer(await freePort(), await mkdtemp(join(tmpdir(), 'azud-nats-')), flags);
    await server.#spawn();
    return server;
  }

  /** kill -9, and the same server again on what lies on the disk. */
  async crash(): Promise<void> {
    await this.#end('SIGKILL');
    await this.#spawn();
  }

  async stop(): Promise<void> {
    await this.#end('SIGKILL');
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #spawn(): Promise<void> {
    const flags = ['-a', '127.0.0.1', '-p', String(this.port), '-js', '-sd', this.#folder, ...this.#flags];
    this.#process = spawn('nats-server', flags, { stdio: 'ignore' });
    await eventually(async () => {
      if (!(await answers('127.0.0.1', this.port))) throw new Error('nats-server does not answer yet');
    });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }
}

/** Does something take connections there? */
async function answers(host: string, port: number): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(1_000) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Makes names of streams; those that are on the shared server when the tests of the file have ended are removed. */
export function ownStreams(): () => string {
  const names: string[] = [];
  atEnd(async () => {
    const connection = await connectNats({ servers: NATS_SERVER });
    const { streams } = await jetstreamManager(connection);
    for (const name of names) await streams.delete(name).catch(unlessMissing);
    await connection.close();
  });
  return () => {
    const name = `azud_test_${randomUUID()}`;
    names.push(name);
    return name;
  };
}

function unlessMissing(error: Error & { readonly code?: unknown }): void {
  if (error.code !== JetStreamApiCodes.StreamNotFound) throw error;
}

/** A `broker:` on the shared server with a stream of its own, which goes when the tests of the file have ended. */
export function freshNats(): Readonly<Record<string, unknown>> {
  return { kind: 'nats', servers: NATS_SERVER, stream: ownStreams()(), replicas: 1, allow_unsafe: true };
}
