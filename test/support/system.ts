import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { eventually } from './eventually.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** Only bounds a failure: on a machine with ten times too much to do a start has taken half a minute. */
const READY_TIMEOUT_MS = 90_000;
/** The contract allows a drain of 10 s. */
const STOP_TIMEOUT_MS = 15_000;

export interface SystemOptions {
  /** azud.yaml, as text or as the object it holds. `server.port` and `data_dir` are the helper's. */
  readonly config: string | Readonly<Record<string, unknown>>;
  /** More files beside azud.yaml, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Kept after `stop`; without it the data lie in the system's own folder and go with it. */
  readonly dataDir?: string;
  /** `--role` flags; all roles without. */
  readonly roles?: readonly string[];
  readonly flags?: readonly string[];
  /** A command that runs the command behind it in its own process: `prlimit …`, `unshare …`. */
  readonly launcher?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface ProcessFacts {
  readonly pid: number;
  /** From the title that it gives itself: `intake`, `analytics`; before that `other`. */
  readonly role: string;
}

/** Starts Azud as a user does, from src/main.ts, and waits until it is ready. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const system = new System(await mkdtemp(join(tmpdir(), 'azud-system-')), await freePort(), options);
  try {
    await system.start();
  } catch (error) {
    await system.stop();
    throw error;
  }
  return system;
}

/** Works with a system that is stopped afterwards, whatever happens. */
export async function withSystem(options: SystemOptions, work: (system: System) => Promise<void>): Promise<void> {
  const system = await startSystem(options);
  try {
    await work(system);
  } finally {
    await system.stop();
  }
}

/** A start that must not succeed: its exit code and everything that it said. Anything that it began is ended. */
export async function refusedStart(options: SystemOptions): Promise<{ code: number | null; words: string }> {
  const system = new System(await mkdtemp(join(tmpdir(), 'azud-system-')), await freePort(), options);
  const deadline = AbortSignal.timeout(READY_TIMEOUT_MS);
  try {
    await system.spawn();
    await Promise.race([system.exitCode(), once(deadline, 'abort')]);
    const code = deadline.aborted ? null : await system.exitCode();
    return { code, words: system.logs };
  } finally {
    await system.stop();
  }
}

/** A running Azud: its own process tree, port and folder. */
export class System {
  readonly folder: string;
  readonly url: string;
  readonly dataDir: string;
  readonly #port: number;
  readonly #options: SystemOptions;
  #process: ChildProcess | undefined;
  #logs = '';

  constructor(folder: string, port: number, options: SystemOptions) {
    this.folder = folder;
    this.#port = port;
    this.#options = options;
    this.url = `http://127.0.0.1:${port}`;
    this.dataDir = options.dataDir ?? join(folder, 'data');
  }

  /** Everything that it has written to stdout and stderr since the first start. */
  get logs(): string {
    return this.#logs;
  }

  /** The supervisor's. */
  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('the system is not running');
    return pid;
  }

  /** Starts the process and resolves when /readyz passes. @throws Error with the logs when it ends before that */
  async start(): Promise<void> {
    const child = await this.spawn();
    await eventually(
      async () => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const answer = await this.get('/readyz');
        if (!answer.ok) throw new Error(`not ready: ${await answer.text()}\n${this.#logs}`);
      },
      { timeoutMs: READY_TIMEOUT_MS },
    );
    if (child.exitCode === null && child.signalCode === null) return;
    throw new Error(`azud start ended with ${child.exitCode ?? child.signalCode}:\n${this.#logs}`);
  }

  /** Starts the process without waiting for anything, for systems that are meant to fail. */
  async spawn(): Promise<ChildProcess> {
    const { config, files = {}, roles = [], flags = [], launcher = [], env = {} } = this.#options;
    await writeFile(join(this.folder, 'azud.yaml'), typeof config === 'string' ? config : stringify(config));
    for (const [name, text] of Object.entries(files)) await writeFile(join(this.folder, name), text);
    const flagged = ['--data-dir', this.dataDir, '--server.port', String(this.#port), ...flags];
    const command = [process.execPath, join(ROOT, 'src/main.ts'), 'start', ...flagged];
    const [program = '', ...words] = [...launcher, ...command, ...roles.flatMap((role) => ['--role', role])];
    const child = spawn(program, words, {
      cwd: this.folder,
      env: { ...surroundings(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer) => {
      this.#logs += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.#process = child;
    return child;
  }

  get(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.url + path, { ...init, signal: AbortSignal.timeout(READY_TIMEOUT_MS) });
  }

  post(path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Promise<Response> {
    return this.get(path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
  }

  /** The supervisor's children, as the kernel tells them. */
  children(): Promise<ProcessFacts[]> {
    return childrenOf(this.pid);
  }

  /** Sends a signal to the child of that role. @throws Error when there is none */
  async kill(role: string, signal: NodeJS.Signals): Promise<number> {
    const children = await this.children();
    const child = children.find((it) => it.role === role);
    if (!child) throw new Error(`no child has the role ${role}: ${JSON.stringify(children)}`);
    process.kill(child.pid, signal);
    return child.pid;
  }

  /** kill -9 of the supervisor and all its children, as a power cut would. */
  async crash(): Promise<void> {
    const children = await this.children();
    const ended = this.#ended();
    for (const pid of [this.pid, ...children.map((child) => child.pid)]) killIfThere(pid);
    await ended;
    await allGone(children);
  }

  /** kill -9 of the supervisor alone; resolves when its children, who never outlive it, have ended too. */
  async orphan(): Promise<void> {
    const children = await this.children();
    const ended = this.#ended();
    killIfThere(this.pid);
    await ended;
    await allGone(children);
  }

  /** SIGTERM, then start again on the same data and port. Answers the exit code of the first. */
  async restart(): Promise<number | null> {
    const code = await this.terminate();
    await this.start();
    return code;
  }

  /** Waits for it to end by itself; null: a signal ended it. */
  async exitCode(): Promise<number | null> {
    await this.#ended();
    return this.#process?.exitCode ?? null;
  }

  /** SIGTERM. Answers the exit code, null when it did not end in time and was killed. */
  async terminate(): Promise<number | null> {
    const child = this.#process;
    if (child?.pid === undefined) return null;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const tree = [child.pid, ...(await this.children()).map(({ pid }) => pid)];
    const deadline = setTimeout(() => tree.forEach(killIfThere), STOP_TIMEOUT_MS);
    const ended = this.#ended();
    child.kill('SIGTERM');
    await ended;
    clearTimeout(deadline);
    return child.exitCode;
  }

  /** Ends everything and removes the folder. */
  async stop(): Promise<number | null> {
    const code = await this.terminate();
    await rm(this.folder, { recursive: true, force: true });
    return code;
  }

  async #ended(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    await once(child, 'close');
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the port has no number');
  return address.port;
}

async function childrenOf(parent: number): Promise<ProcessFacts[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map((pid) => processFacts(pid, parent)));
  return found.flatMap((facts) => facts ?? []);
}

async function processFacts(pid: number, parent: number): Promise<ProcessFacts | null> {
  try {
    const status = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; the parent is the second field after it.
    const [state, parentPid] = status.slice(status.lastIndexOf(')') + 2).split(' ');
    if (Number(parentPid) !== parent || state === 'Z') return null;
    // A child names itself `azud <role>` once it has its plan.
    const title = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    return { pid, role: /^azud (\w+)/.exec(title)?.[1] ?? 'other' };
  } catch {
    // It ended while it was read.
    return null;
  }
}

async function allGone(children: readonly ProcessFacts[]): Promise<void> {
  await eventually(() => {
    const left = children.filter(({ pid }) => isAlive(pid));
    if (left.length > 0) throw new Error(`still there after kill -9: ${JSON.stringify(left)}`);
  });
}

/** What a process has in memory, bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function killIfThere(pid: number): void {
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
}

/** The environment without what is set for the tests: their own settings would be Azud's. */
export function surroundings(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('AZUD_'));
  return { ...Object.fromEntries(kept), NODE_TEST_CONTEXT: '' };
}
