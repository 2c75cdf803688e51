import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { atEnd } from './at-end.ts';
import { eventually } from './eventually.ts';
import { freePort } from './system.ts';

/** The server that tests may make schemas in: a superuser's address. */
export const POSTGRES_URL = process.env.AZUD_TEST_POSTGRES ?? 'postgres://postgres@127.0.0.1:5432/postgres';

let serial = 0;

/** A schema name that no other test has. */
export function freshSchema(): string {
  serial += 1;
  return `azud_test_${process.pid}_${serial}`;
}

/** One statement as the superuser; answers its rows. */
export async function asSuperuser(text: string, url = POSTGRES_URL): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Makes names of schemas; those that are on the shared server when the tests of the file have ended are removed. */
export function ownSchemas(): () => string {
  const names: string[] = [];
  atEnd(async () => {
    for (const name of names) await dropSchema(name);
  });
  return () => {
    const name = freshSchema();
    names.push(name);
    return name;
  };
}

/** A `store:` on the shared server with a schema of its own, which goes when the tests of the file have ended. */
export function freshPostgres(): Readonly<Record<string, unknown>> {
  return { kind: 'postgres', url: POSTGRES_URL, schema: ownSchemas()() };
}

/** @throws Error when somebody still uses it after ten seconds */
export async function dropSchema(schema: string, url = POSTGRES_URL): Promise<void> {
  const quietly = `SET client_min_messages = error; SET lock_timeout = '10s'`;
  await asSuperuser(`${quietly}; DROP SCHEMA IF EXISTS "${schema}" CASCADE`, url);
}

/** A database on the shared server, which goes when the tests of the file have ended; its address. */
export async function freshDatabase(): Promise<string> {
  const name = freshSchema();
  await asSuperuser(`CREATE DATABASE "${name}"`);
  atEnd(() => asSuperuser(`DROP DATABASE "${name}" WITH (FORCE)`));
  return Object.assign(new URL(POSTGRES_URL), { pathname: `/${name}` }).href;
}

const run = promisify(execFile);

/** Null when the server answers and the programs to start another are there, else what is missing. */
export async function missingPostgres(): Promise<string | null> {
  try {
    await asSuperuser('SELECT 1');
  } catch (error) {
    return `no PostgreSQL at ${POSTGRES_URL}: ${error instanceof Error ? error.message : String(error)}`;
  }
  try {
    await Promise.all(['initdb', 'pg_ctl'].map((program) => run(program, ['--version'])));
    return null;
  } catch {
    return 'initdb and pg_ctl are not on the PATH';
  }
}

/** A server of the test's own, which it may stop, kill and start again. */
export class Cluster {
  readonly url: string;
  readonly #folder: string;
  readonly #port: number;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    this.url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  }

  /** `settings` are lines of postgresql.conf; `files` lie beside it, by name. */
  static async start(settings: readonly string[] = [], files: Readonly<Record<string, string>> = {}): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), 'azud-postgres-'));
    const cluster = new Cluster(folder, await freePort());
    // PostgreSQL refuses to run as root.
    if (process.getuid?.() === 0) await run('chown', ['postgres', folder]);
    await chmod(folder, 0o700);
    await asPostgres('initdb', ['-D', cluster.#data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync']);
    await writeFile(join(cluster.#data, 'postgresql.auto.conf'), `${settings.join('\n')}\n`);
    for (const [name, text] of Object.entries(files)) await cluster.#place(name, text);
    await cluster.up();
    return cluster;
  }

  async up(): Promise<void> {
    const options = `-p ${this.#port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${this.#folder}`;
    await asPostgres('pg_ctl', ['start', '-w', '-s', '-D', this.#data, '-o', options, '-l', join(this.#folder, 'log')]);
    await eventually(() => asSuperuser('SELECT 1', this.url));
  }

  /** `immediate` is what a power cut leaves behind. */
  async down(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await asPostgres('pg_ctl', ['stop', '-w', '-s', '-D', this.#data, '-m', mode]);
  }

  async remove(): Promise<void> {
    await this.down('immediate').catch(() => {});
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Readable by the server alone, as it asks of keys. */
  async #place(name: string, text: string): Promise<void> {
    const path = join(this.#data, name);
    await writeFile(path, text, { mode: 0o600 });
    if (process.getuid?.() === 0) await run('chown', ['postgres', path]);
  }

  get #data(): string {
    return join(this.#folder, 'data');
  }
}

async function asPostgres(command: string, args: readonly string[]): Promise<void> {
  const [program = '', ...rest] =
    process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--', command, ...args] : [command, ...args];
  // A server started with pipes of ours would keep them open.
  await run(program, rest, { cwd: tmpdir() });
}
