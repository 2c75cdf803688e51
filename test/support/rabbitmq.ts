import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { promisify } from 'node:util';
import { Connection } from 'rabbitmq-client';
import { eventually } from './eventually.ts';
import { freePort } from './system.ts';

/** Where the tests find a RabbitMQ that they share, with its user `guest`. */
export const RABBITMQ_SERVER = process.env.AZUD_TEST_RABBITMQ ?? '127.0.0.1:5672';

const TIMEOUT_MS = 5_000;

/** What the tests of the broker `rabbitmq` lack here, in words, or null. */
export function missingRabbitmq(): Promise<string | null> {
  return refusalOf(RABBITMQ_SERVER);
}

async function refusalOf(server: string): Promise<string | null> {
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

/** A `broker:` on the shared server with a queue of its own, which goes when the tests of the file have ended. */
export function freshRabbitmq(): Readonly<Record<string, unknown>> {
  const queue = `azud_test_${randomUUID()}`;
  after(async () => {
    const client = new Connection({ hosts: [RABBITMQ_SERVER] });
    await client.queueDelete({ queue });
    await client.queueDelete({ queue: `${queue}.dead` });
    await client.exchangeDelete({ exchange: `${queue}.dead` });
    await client.close();
  });
  return { kind: 'rabbitmq', servers: RABBITMQ_SERVER, queue };
}

const run = promisify(execFile);
const START_TIMEOUT_MS = 90_000;

/** A RabbitMQ of a test's own, which it may kill. It takes some ten seconds to start. */
export class RabbitmqServer {
  readonly port: number;
  readonly #folder: string;
  readonly #distributionPort: number;
  #process: ChildProcess | null = null;

  private constructor(folder: string, port: number, distributionPort: number) {
    this.#folder = folder;
    this.port = port;
    this.#distributionPort = distributionPort;
  }

  static async start(): Promise<RabbitmqServer> {
    const folder = await mkdtemp(join(tmpdir(), 'azud-rabbitmq-'));
    const server = new RabbitmqServer(folder, await freePort(), await freePort());
    await writeFile(join(folder, 'rabbitmq.conf'), `listeners.tcp.default = 127.0.0.1:${server.port}\n`);
    await writeFile(join(folder, 'enabled_plugins'), '[].\n');
    // The start script gives root's rights up for those of this user.
    if (process.getuid?.() === 0) await run('chown', ['-R', 'rabbitmq', folder]);
    await server.#spawn();
    return server;
  }

  /** kill -9, and the same server again on what lies on the disk. */
  async crash(): Promise<void> {
    await this.#kill();
    await this.#spawn();
  }

  async stop(): Promise<void> {
    await this.#kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #spawn(): Promise<void> {
    const folder = this.#folder;
    this.#process = spawn('rabbitmq-server', [], {
      stdio: 'ignore',
      env: {
        ...process.env,
        RABBITMQ_NODENAME: `azud_${this.port}@localhost`,
        RABBITMQ_DIST_PORT: String(this.#distributionPort),
        RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
        RABBITMQ_LOG_BASE: join(folder, 'log'),
        RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
        RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
        RABBITMQ_PID_FILE: join(folder, 'pid'),
      },
    });
    const answers = async () => {
      const refusal = await refusalOf(`127.0.0.1:${this.port}`);
      if (refusal !== null) throw new Error(refusal);
    };
    await eventually(answers, { timeoutMs: START_TIMEOUT_MS, intervalMs: 250 });
  }

  async #kill(): Promise<void> {
    const child = this.#process;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    // The child is a shell script; the server itself lies somewhere below it.
    const pid = Number(await readFile(join(this.#folder, 'pid'), 'utf8').catch(() => child.pid));
    process.kill(pid, 'SIGKILL');
    await ended;
  }
}
