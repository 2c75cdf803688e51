import { type ChildProcess, fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { readEnvironment } from '../config/environment.ts';
import { AzudError } from '../error/azud-error.ts';
import { SUPERVISOR_LIMITS } from '../limits.ts';
import type { FromChild, ToChild } from './child-messages.ts';
import type { ProcessPlan } from './plan.ts';

export interface ChildEnd {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** False when there never was a process. */
  readonly spawned: boolean;
  /** What it said before it ended, if it could. */
  readonly failure: Extract<FromChild, { type: 'failed' }> | null;
}

/** How Node is to run in a child. */
export interface ChildRuntime {
  readonly execArgv: readonly string[];
  /** Variables that it gets unless they are set already. */
  readonly env: Readonly<Record<string, string>>;
}

export interface ChildHandlers {
  onMessage(message: FromChild): void;
  onEnd(end: ChildEnd): void;
}

/** This file's own ending tells whether the sources or the built package run. */
const ENTRY = fileURLToPath(new URL(`./child.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url));

/** One running child: a process with a plan, a way to tell it things, and an end. */
export class Child {
  readonly #process: ChildProcess;
  #failure: ChildEnd['failure'] = null;
  #ended = false;

  constructor(plan: ProcessPlan, { execArgv, env }: ChildRuntime, handlers: ChildHandlers) {
    // Advanced serialization is structured clone: the configuration travels whole, with its maps.
    this.#process = fork(ENTRY, [], {
      execArgv: [...execArgv],
      // What the operator has set goes before.
      env: { ...env, ...readEnvironment() },
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process.on('message', (message: FromChild) => {
      if (message.type === 'failed') this.#failed(message);
      handlers.onMessage(message);
    });
    if (plan.door === 'internal') yieldToIntake(this.#process.pid);
    this.#process.on('error', (error) => {
      const spawned = this.#process.pid !== undefined;
      this.#end({ code: 1, signal: null, spawned, failure: this.#failure ?? unspawned(error) }, handlers);
    });
    this.#process.on('exit', (code, signal) => {
      const failure = this.#failure;
      this.#end({ code: code ?? failure?.exit ?? null, signal, spawned: true, failure }, handlers);
    });
    this.tell({ type: 'start', plan });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  tell(message: ToChild): void {
    // The callback takes the error of a child that has just died; its exit event says the rest.
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  kill(): void {
    if (!this.#ended) this.#process.kill('SIGKILL');
  }

  #failed(failure: NonNullable<ChildEnd['failure']>): void {
    this.#failure = failure;
    setTimeout(() => this.kill(), SUPERVISOR_LIMITS.failedGraceMs).unref();
  }

  #end(end: ChildEnd, handlers: ChildHandlers): void {
    if (this.#ended) return;
    this.#ended = true;
    handlers.onEnd(end);
  }
}

/** Set from outside and at once: threads take the priority of the one that starts them. */
function yieldToIntake(pid: number | undefined): void {
  if (pid === undefined) return;
  const { analyticsNice, analyticsOomScore } = SUPERVISOR_LIMITS;
  try {
    setPriority(pid, analyticsNice);
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(analyticsOomScore));
  } catch {
    // Not permitted or not known here, or the child has ended: it runs like any other, or not at all.
  }
}

/** A child that cannot even be spawned ends like any other, and is spoken for. */
function unspawned(cause: Error): NonNullable<ChildEnd['failure']> {
  const { code, message, entry, hint } = new AzudError('io-failed', `cannot start a process: ${cause.message}`, {
    hint: 'Raise the limits of open files, processes and memory.',
  });
  return { type: 'failed', code, message, details: [], hint, exit: entry.exit };
}
