import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from 'rabbitmq-client';
import type { RabbitmqSettings } from '../../src/broker/rabbitmq/driver.ts';
import { atEnd } from './at-end.ts';
import { eventually } from './eventually.ts';
import { freePort } from './system.ts';

/** Where the tests find a RabbitMQ that they share, with its user `guest`. */
export const RABBITMQ_SERVER = process.env.AZUD_TEST_RABBITMQ ?? '127.0.0.1:5672';

/** For a driver on it. */
export const RABBITMQ_SETTINGS: RabbitmqSettings = {
  servers: RABBITMQ_SERVER,
  vhost: '/',
  user: 'guest',
  password: null,
  tls: false,
  ca: null,
  queue: null,
  prefetch: 1_000,
  delivery_limit: 1_000,
  max_bytes: null,
  auto_declare: true,
};

const TIMEOUT_MS = 5_000;
/** An Erlang node starts slowly, and more so beside other tests. */
const START_TIMEOUT_MS = 90_000;

/** What Debian puts on the PATH runs as another user, with a folder of its own; this is the program behind it. */
const PROGRAM = ['/usr/lib/rabbitmq/bin/rabbitmq-server', '/usr/local/sbin/rabbitmq-server'].find(existsSync);

/** What the tests of the broker `rabbitmq` lack here, in words, or null. */
export async function missingRabbitmq(): Promise<string | null> {
  if (PROGRAM === undefined) return 'there is no rabbitmq-server to start a second one with';
  return refusal(RABBITMQ_SERVER);
}

/** Null when a client gets in. */
async function refusal(server: string): Promise<string | null> {
  const client = new Connection({ hosts: [server], acquireTimeout: TIMEOUT_MS });
  const refused = Promise.withResolvers<string>();
  client.on('error', (error: Error) => refused.resolve(`RabbitMQ at ${server}: ${error.message}`));
  const opened = client.onConnect(TIMEOUT_MS).then(
    () => null,
    (error: Error) => error.message,
  );
  const found = await Promise.race([opened, refused.promise]);
  client.unsafeDestroy();
  return found;
}

/** A RabbitMQ node of a test's own, which it may kill. Its port mapper is its own as well, so nothing outlives it. */
export class RabbitmqServer {
  readonly port: number;
  readonly #folder: string;
  readonly #settings: readonly string[];
  readonly #ports: { readonly mapper: number; readonly distribution: number };
  #mapper: ChildProcess | null = null;
  #node: ChildProcess | null = null;

  private constructor(folder: string, settings: readonly string[], ports: readonly [number, number, number]) {
    this.#folder = folder;
    this.#settings = settings;
    this.port = ports[0];
    this.#ports = { mapper: ports[1], distribution: ports[2] };
  }

  /** `settings` are lines of rabbitmq.conf. */
  static async start(...settings: string[]): Promise<RabbitmqServer> {
    const folder = await mkdtemp(join(tmpdir(), 'azud-rabbitmq-'));
    const server = new RabbitmqServer(folder, settings, [await freePort(), await freePort(), await freePort()]);
    try {
      await server.#prepare();
      await server.#spawn();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** kill -9, and the same node again on what lies on the disk. See `down`. */
  async crash(young?: string): Promise<void> {
    await this.down(young);
    await this.up();
  }

  /**
   * kill -9. A node of 3.10 writes the list of its queues half a second after one is declared; killed before that, it
   * has the queue's messages and never serves them again. For a `young` queue it waits until the list has it.
   */
  async down(young?: string): Promise<void> {
    if (young !== undefined) await this.#listed(young);
    await end(this.#node);
  }

  async up(): Promise<void> {
    await this.#spawn();
  }

  async stop(): Promise<void> {
    await end(this.#node);
    await end(this.#mapper);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #listed(queue: string): Promise<void> {
    const name = `azud${this.port}@localhost`;
    const list = join(this.#folder, 'mnesia', name, 'quorum', name, 'names.dets');
    await eventually(async () => {
      // Its name, and the mark of the term behind it: another queue may begin with the name.
      if (!(await readFile(list)).includes(`%2F_${queue}m`)) throw new Error(`${list} does not have ${queue}`);
    });
  }

  async #prepare(): Promise<void> {
    const lines = [`listeners.tcp.local = 127.0.0.1:${this.port}`, ...this.#settings];
    await writeFile(join(this.#folder, 'rabbitmq.conf'), `${lines.join('\n')}\n`);
    await writeFile(join(this.#folder, 'enabled_plugins'), '[].\n');
    await writeFile(join(this.#folder, 'env.conf'), '');
    this.#mapper = spawn('epmd', ['-address', '127.0.0.1', '-port', String(this.#ports.mapper)], { stdio: 'ignore' });
  }

  async #spawn(): Promise<void> {
    const log = join(this.#folder, 'log');
    const node = spawn(PROGRAM ?? 'rabbitmq-server', [], {
      cwd: this.#folder,
      env: this.#environment(),
      stdio: 'ignore',
    });
    this.#node = node;
    await eventually(
      async () => {
        if (node.exitCode !== null || node.signalCode !== null) return;
        const reason = await refusal(`127.0.0.1:${this.port}`);
        if (reason !== null) throw new Error(reason);
      },
      { timeoutMs: START_TIMEOUT_MS, intervalMs: 200 },
    );
    if (node.exitCode === null && node.signalCode === null) return;
    throw new Error(`rabbitmq-server ended: ${await readFile(join(log, 'node.log'), 'utf8').catch(() => 'no log')}`);
  }

  /** With RUNNING_UNDER_SYSTEMD the script becomes the node itself: a kill of our child kills it. */
  #environment(): NodeJS.ProcessEnv {
    const { mapper, distribution } = this.#ports;
    const at = (name: string) => join(this.#folder, name);
    return {
      PATH: process.env.PATH,
      LANG: 'C.UTF-8',
      HOME: this.#folder,
      RUNNING_UNDER_SYSTEMD: 'true',
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_EPMD_PORT: String(mapper),
      ERL_FLAGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      RABBITMQ_NODENAME: `azud${this.port}@localhost`,
      RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_CONF_ENV_FILE: at('env.conf'),
      RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'),
      RABBITMQ_ENABLED_PLUGINS_FILE: at('enabled_plugins'),
      RABBITMQ_MNESIA_BASE: at('mnesia'),
      RABBITMQ_LOG_BASE: at('log'),
      RABBITMQ_LOGS: join(at('log'), 'node.log'),
    };
  }
}

async function end(child: ChildProcess | null): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Makes names of queues; those that are on the shared server when the tests of the file have ended are removed. */
export function ownQueues(): () => string {
  const names: string[] = [];
  atEnd(async () => {
    const client = new Connection({ hosts: [RABBITMQ_SERVER] });
    for (const queue of names) {
      await client.queueDelete({ queue });
      await client.queueDelete({ queue: `${queue}.dead` });
      await client.exchangeDelete({ exchange: `${queue}.dead` });
    }
    await client.close();
  });
  return () => {
    const name = `azud_test_${randomUUID()}`;
    names.push(name);
    return name;
  };
}

/** A `broker:` on the shared server with a queue of its own, which goes when the tests of the file have ended. */
export function freshRabbitmq(): Readonly<Record<string, unknown>> {
  return { kind: 'rabbitmq', servers: RABBITMQ_SERVER, queue: ownQueues()() };
}
