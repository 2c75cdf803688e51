import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { AzudError } from '../../error/azud-error.ts';
import type { ReadLimits, RowStream, Value } from '../driver.ts';
import { queryTimeout } from '../reading.ts';
import type { AdHocMessage, AdHocTask } from './ad-hoc-messages.ts';

/** This file's own ending tells whether the sources or the built package run. */
const ENTRY = fileURLToPath(
  new URL(`./ad-hoc-child.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);
/** Values of a chunk of rows while they become text. */
const HEAP_MB = 512;
/** Behind analytics, which is behind intake. */
const NICE = 15;

/**
 * Runs one query in a process of its own, and streams its rows. The process is killed when the time is up, when the
 * signal aborts and when the stream is left early.
 * @throws AzudError what the query is refused or fails for; `query-timeout`, `query-memory`, `unavailable`
 */
export async function runApart(task: AdHocTask, limits: ReadLimits): Promise<RowStream> {
  limits.signal.throwIfAborted();
  if (limits.timeoutMs <= 0) throw queryTimeout(limits);
  const running = new AdHocProcess(task, limits);
  const messages = running.messages();
  try {
    const first = await messages.next();
    if (first.done || !('columns' in first.value)) throw new AzudError('internal', 'a query began without its columns');
    const { columns } = first.value;
    return { columns, chunks: rowsOf(messages, columns) };
  } catch (error) {
    running.kill();
    throw error;
  }
}

async function* rowsOf(messages: AsyncGenerator<AdHocMessage>, columns: RowStream['columns']) {
  const integers = columns.map(({ type }) => type === 'integer');
  const value = (cell: Value, at: number) => (integers[at] && typeof cell === 'string' ? BigInt(cell) : cell);
  for await (const message of messages) {
    if ('rows' in message) yield message.rows.map((row) => row.map(value));
  }
}

class AdHocProcess {
  readonly #child: ChildProcess;
  readonly #limits: ReadLimits;
  readonly #ended: Promise<NodeJS.Signals | null>;
  readonly #kill = () => this.kill();
  #timedOut = false;

  constructor(task: AdHocTask, limits: ReadLimits) {
    this.#limits = limits;
    this.#child = spawn(process.execPath, ['--disable-proto=delete', `--max-old-space-size=${HEAP_MB}`, ENTRY], {
      // No secret of this process's environment is there to be read.
      env: {},
      stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
    });
    const deadline = setTimeout(() => {
      this.#timedOut = true;
      this.kill();
    }, limits.timeoutMs);
    limits.signal.addEventListener('abort', this.#kill, { once: true });
    this.#ended = new Promise((resolve) => {
      // A process that cannot be spawned says so by an error, and has no exit.
      this.#child.once('error', () => resolve(null));
      this.#child.once('exit', (_, signal) => resolve(signal));
    });
    void this.#ended.then(async () => {
      clearTimeout(deadline);
      limits.signal.removeEventListener('abort', this.#kill);
      await rm(task.tempFolder, { recursive: true, force: true }).catch(() => {});
    });
    if (this.#child.pid !== undefined) yieldTo(this.#child.pid);
    // The pipe breaks when the process ends early; its end says why.
    this.#child.stdin?.on('error', () => {});
    this.#child.stdin?.write(`${JSON.stringify(task, bigints)}\n`);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** What it says, until its end. @throws AzudError when that does not come */
  async *messages(): AsyncGenerator<AdHocMessage> {
    try {
      for await (const line of linesOf(this.#child.stdio[3] as NodeJS.ReadableStream)) {
        this.#throwIfKilled();
        const message = JSON.parse(line.toString()) as AdHocMessage;
        if ('failed' in message) throw new AzudError(message.failed.code, message.failed.message);
        if ('end' in message) return;
        yield message;
      }
      const signal = await this.#ended;
      this.#throwIfKilled();
      throw unexpectedEnd(signal);
    } finally {
      this.kill();
    }
  }

  #throwIfKilled(): void {
    if (this.#timedOut) throw queryTimeout(this.#limits);
    this.#limits.signal.throwIfAborted();
  }
}

/** Nobody but memory ends such a process: it itself, the engine or the system when they have none to give. */
function unexpectedEnd(signal: NodeJS.Signals | null): AzudError {
  if (signal === null) return new AzudError('unavailable', 'the process of the query did not start');
  return new AzudError('query-memory', `the process of the query was ended (${signal}): it needed too much memory`);
}

async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, from)) {
      yield Buffer.concat([...parts, chunk.subarray(from, at)]);
      parts = [];
      from = at + 1;
    }
    parts.push(chunk.subarray(from));
  }
}

const bigints = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

function yieldTo(pid: number): void {
  try {
    setPriority(pid, NICE);
  } catch {
    // Not permitted here, or it has ended: it runs at the priority of its parent.
  }
}
