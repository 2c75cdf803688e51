import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { freePort } from './system.ts';

/** An SNS and SQS of a test's own: fauxqs in a process that the test may kill. What it has taken lies on disk. */
export class Fauxqs {
  readonly port: number;
  readonly #folder: string;
  #process: ChildProcess | null = null;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
  }

  static async start(): Promise<Fauxqs> {
    const server = new Fauxqs(await freePort(), await mkdtemp(join(tmpdir(), 'azud-fauxqs-')));
    await server.#spawn();
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** kill -9, and the same server again on what lies on the disk. */
  async crash(): Promise<void> {
    await this.#end();
    await this.#spawn();
  }

  async stop(): Promise<void> {
    await this.#end();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #spawn(): Promise<void> {
    const script = join(import.meta.dirname, 'fauxqs-child.ts');
    const child = spawn(process.execPath, [script, String(this.port), this.#folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#process = child;
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`fauxqs ended with ${code}`))),
    ]);
  }

  async #end(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

/** What any client of it needs; fauxqs believes every key. */
export const FAUXQS_ACCESS = { region: 'us-east-1', access_key_id: 'test', secret_access_key: 'test' };

/**
 * A `broker:` on a server of the file's own, which ends with the tests of the file. A loader that is killed leaves its last
 * long poll behind at fauxqs, which goes on giving it messages: short waits and visibility bound what that costs.
 */
export async function freshSnssqs(
  settings: Readonly<Record<string, unknown>> = {},
): Promise<Readonly<Record<string, unknown>>> {
  const server = await Fauxqs.start();
  after(() => server.stop());
  return {
    kind: 'snssqs',
    ...FAUXQS_ACCESS,
    endpoint: server.endpoint,
    wait_seconds: 1,
    visibility_seconds: 2,
    ...settings,
  };
}
