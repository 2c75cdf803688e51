import { AzudError } from '../error/azud-error.ts';
import type { Clock } from '../lib/clock.ts';
import { SUPERVISOR_LIMITS } from '../limits.ts';
import type { Log } from '../telemetry/log.ts';
import type { FromChild } from './child-messages.ts';
import { Child, type ChildEnd, type ChildRuntime } from './child-process.ts';
import type { ProcessPlan } from './plan.ts';
import { EXIT_IO, RestartPolicy } from './restarts.ts';

export interface SupervisorOptions {
  readonly intake: ProcessPlan;
  readonly analytics: ProcessPlan;
  readonly clock: Clock;
  readonly log: Log;
  /** Both are up for the first time. */
  readonly onReady: (url: string, promise: string) => void;
}

type Name = 'intake' | 'analytics';

interface Post {
  readonly name: Name;
  readonly plan: ProcessPlan;
  readonly runtime: ChildRuntime;
  readonly policy: RestartPolicy;
  child: Child | null;
  /** It has been ready at least once: from then on its deaths are accidents, not mistakes of the configuration. */
  proven: boolean;
}

const { intakeHeapMb, intakePoolThreads, semiSpaceMb, heapGrowthPercent, externalGrowthMax } = SUPERVISOR_LIMITS;
/** What lies outside the heap counts by its growth, too, and not by megabytes. A Node that does not know a flag does not start. */
const EXTERNAL_FLAGS = [
  '--external-memory-accounted-in-global-limit',
  `--external-memory-max-growing-factor=${externalGrowthMax}`,
];
const COMMON_FLAGS = [
  '--disable-proto=delete',
  `--max-semi-space-size=${semiSpaceMb}`,
  `--heap-growing-percent=${heapGrowthPercent}`,
  ...(Number.parseInt(process.versions.node, 10) >= 26 ? EXTERNAL_FLAGS : []),
];
const INTAKE_FLAGS = [...COMMON_FLAGS, `--max-old-space-size=${intakeHeapMb}`];
const ANALYTICS: ChildRuntime = { execArgv: COMMON_FLAGS, env: {} };

/**
 * Keeps the two processes of an installation alive. It holds no data, opens no file and no port, and loads no driver,
 * so that there is next to nothing in it that can fail.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #posts: Readonly<Record<Name, Post>>;
  readonly #done: Promise<number>;
  #finish: (exitCode: number) => void = () => {};
  #front: Extract<FromChild, { type: 'ready' }> | null = null;
  #announced = false;
  #stopping = false;
  #exitCode = 0;
  #refusal: AzudError | null = null;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#posts = {
      intake: post('intake', options.intake, intakeRuntime(options.intake)),
      analytics: post('analytics', options.analytics, ANALYTICS),
    };
    this.#done = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /**
   * Runs until stopped; resolves with the exit code.
   * @throws AzudError when a child refuses to start for a reason that a restart cannot change
   */
  async run(): Promise<number> {
    // Analytics follows when intake is up: only the owner of the log may touch what lies in the data directory.
    this.#spawn(this.#posts.intake);
    const exitCode = await this.#done;
    if (this.#refusal) throw this.#refusal;
    return exitCode;
  }

  /** Drains and ends: the front door first, then analytics (which may still read the log), then the log. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    const { intake, analytics } = this.#posts;
    const kill = setTimeout(() => this.#killAll(), SUPERVISOR_LIMITS.drainMs);
    this.#done.then(() => clearTimeout(kill));
    if (intake.child) intake.child.tell({ type: 'drain' });
    else analytics.child?.tell({ type: 'stop' });
    this.#finishWhenEmpty();
  }

  #spawn(where: Post): void {
    // A restarted intake must come back at the port it had, also when the configuration says "any".
    const port = where.name === 'intake' && this.#front ? this.#front.port : where.plan.port;
    const plan = { ...where.plan, port, resumed: where.proven };
    where.child = new Child(plan, where.runtime, {
      onMessage: (message) => this.#hear(where, message),
      onEnd: (end) => this.#ended(where, end),
    });
  }

  #hear(where: Post, message: FromChild): void {
    const { log, onReady } = this.#options;
    if (message.type === 'step') log.info(message.step, { process: where.name });
    if (message.type === 'drained') this.#posts.analytics.child?.tell({ type: 'stop' });
    if (message.type === 'drained' && !this.#posts.analytics.child) where.child?.tell({ type: 'stop' });
    if (message.type === 'terminated') void this.#renew(where);
    if (message.type !== 'ready') return;
    where.proven = true;
    if (where.name === 'intake') {
      if (!this.#front && !this.#stopping) this.#spawn(this.#posts.analytics);
      this.#front = message;
    }
    if (this.#announced || !this.#front || !this.#posts.analytics.proven) return;
    this.#announced = true;
    onReady(this.#front.url, this.#front.promise);
  }

  /** A SIGTERM meant for one child: it ends in order, and a fresh one follows. One meant for all reaches this process too. */
  async #renew(where: Post): Promise<void> {
    const { child } = where;
    await this.#options.clock.sleep(SUPERVISOR_LIMITS.termGraceMs);
    if (!this.#stopping && where.child === child) child?.tell({ type: 'stop' });
  }

  #ended(where: Post, end: ChildEnd): void {
    where.child = null;
    if (this.#stopping) this.#stopOther(where.name);
    else if (!where.proven && end.failure && isLasting(where, end, end.failure)) this.#refuse(end.failure);
    else this.#restart(where, end);
  }

  #stopOther(ended: Name): void {
    const { intake, analytics } = this.#posts;
    (ended === 'analytics' ? intake : analytics).child?.tell({ type: 'stop' });
    this.#finishWhenEmpty();
  }

  #restart(where: Post, end: ChildEnd): void {
    const { clock, log } = this.#options;
    // A full disk is not a bad one: it is waited for.
    const code = end.failure?.code === 'storage-full' ? null : end.code;
    const verdict = where.policy.died(code, clock.monotonic());
    const { message: reason, hint } = end.failure ?? {};
    const fields = { process: where.name, exit_code: end.code, signal: end.signal, reason, hint };
    if ('giveUp' in verdict) {
      log.error('a process failed for good', { ...fields, verdict: verdict.giveUp });
      this.#exitCode = EXIT_IO;
      this.stop();
      return;
    }
    log.warn('a process died and is started again', { ...fields, restart_after_ms: verdict.restartAfterMs });
    void clock.sleep(verdict.restartAfterMs).then(() => {
      if (!this.#stopping) this.#spawn(where);
    });
  }

  #refuse(failure: NonNullable<ChildEnd['failure']>): void {
    this.#refusal = new AzudError(failure.code, failure.message, {
      hint: failure.hint,
      errors: failure.details.map((message) => ({ path: '', code: failure.code, message })),
    });
    this.stop();
  }

  #finishWhenEmpty(): void {
    if (this.#posts.intake.child || this.#posts.analytics.child) return;
    this.#finish(this.#exitCode);
  }

  #killAll(): void {
    this.#options.log.warn('the drain took too long; what is left is killed', { after_ms: SUPERVISOR_LIMITS.drainMs });
    this.#posts.intake.child?.kill();
    this.#posts.analytics.child?.kill();
  }
}

/** The names of a broker's servers are looked up in the pool, too, where one thread would wait for a name server with all the rest. */
function intakeRuntime({ config }: ProcessPlan): ChildRuntime {
  const env = config.broker.kind === 'log' ? { UV_THREADPOOL_SIZE: String(intakePoolThreads) } : {};
  return { execArgv: INTAKE_FLAGS, env };
}

function post(name: Name, plan: ProcessPlan, runtime: ChildRuntime): Post {
  return { name, plan, runtime, policy: new RestartPolicy(), child: null, proven: false };
}

/** Mistakes of the operator, and states that only the operator can end. A server that is away may come back. */
function isLasting(where: Post, { spawned }: ChildEnd, { code, exit }: NonNullable<ChildEnd['failure']>): boolean {
  // Limits that have no room for a first process have none a second later.
  if (!spawned) return true;
  if (where.name === 'intake') return code !== 'not-connected';
  return exit === 2 || code === 'locked' || code === 'log-behind' || code === 'access-denied';
}
