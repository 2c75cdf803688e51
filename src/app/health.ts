import type { Broker } from '../broker/broker.ts';
import { AzudError, messageOf } from '../error/azud-error.ts';
import type { Receipt } from '../event/outcome.ts';
import type { TakenIn } from '../event/taken-in.ts';
import { ANYONE } from '../http/auth.ts';
import type { Forwarder } from '../http/forward.ts';
import type { Check, Durability, Readiness, SystemRoom } from '../http/rooms.ts';
import { SNAPSHOT_PATH, settledPath } from '../http/routes/internal.ts';
import type { Io } from '../lib/io.ts';
import { LOG_LIMITS } from '../limits.ts';
import type { Patience } from '../query/receipts.ts';
import { exposeMerged, type Metrics } from '../telemetry/metrics.ts';
import { ProcessMetrics } from '../telemetry/process-metrics.ts';
import type { Analytics } from './analytics.ts';
import type { ProcessPlan } from './plan.ts';
import { opensStore } from './roles.ts';

export interface HealthOptions {
  readonly plan: ProcessPlan;
  readonly metrics: Metrics;
  readonly io: Pick<Io, 'space'>;
  readonly broker: Broker;
  /** To the analytics process, whose checks, instruments and receipts are asked for. */
  readonly forwarder: Forwarder | null;
  /** Requests in flight. */
  readonly active: () => number;
  /** Null until the store is open. */
  readonly analytics: () => Analytics | null;
  /** See `IntakeRoom`. */
  readonly takenIn: (transactionId: string) => Promise<TakenIn | null>;
}

/** Longest wait for the other process when somebody asks how it is, ms. */
const PEER_TIMEOUT_MS = 2_000;

/** What a process says about itself, and about its other half. */
export class HealthChecks implements SystemRoom {
  /** The last step of opening the store, in words. */
  step = 'opening the store';
  readonly #options: HealthOptions;
  readonly #process: ProcessMetrics;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#process = new ProcessMetrics(options.metrics, options.plan.title);
  }

  get datasets(): SystemRoom['datasets'] {
    return this.#options.plan.config.datasets;
  }

  durability(): Durability {
    const { kind, durability } = this.#options.broker.capabilities;
    return { broker: kind, promise: durability };
  }

  async readiness(): Promise<Readiness> {
    const checks = [...(await this.#own()), ...(await this.#peer())];
    return { ready: checks.every(({ ok }) => ok), checks };
  }

  async metrics(): Promise<string> {
    const { forwarder } = this.#options;
    const own = await this.snapshot();
    if (!forwarder) return exposeMerged([own]);
    const other = await this.#fromPeer(SNAPSHOT_PATH).then(
      (body) => body as object[],
      () => [],
    );
    return exposeMerged([own, other]);
  }

  async snapshot(): Promise<object[]> {
    const { metrics, active, plan } = this.#options;
    this.#process.collect();
    metrics.gauge('http_server_active_requests', {}).set(active());
    for (const { name, ok } of await this.#own()) {
      metrics.gauge('azud_instance_healthy', { role: plan.title, check: name }).set(ok ? 1 : 0);
    }
    return metrics.snapshot();
  }

  /** See `IntakeRoom`. @throws AzudError `unavailable` */
  async settled(id: string, patience: Patience): Promise<Receipt | null> {
    const { forwarder, analytics, takenIn } = this.#options;
    const here = analytics();
    if (here) return here.query.receipts.settled(id, patience);
    if (!forwarder) throw new AzudError('unavailable', `the store is not open yet: ${this.step}`);
    const { signal } = patience;
    const path = settledPath(id, patience.ms, await takenIn(id));
    const { status, body } = await forwarder.fetch(path, { principal: ANYONE, signal });
    if (status === 200) return JSON.parse(body.toString()) as Receipt | null;
    throw new AzudError('unavailable', `no receipt of ${id} now`);
  }

  close(): void {
    this.#process.close();
  }

  /** Without the other process: each tells of itself. */
  async #own(): Promise<Check[]> {
    const { plan, analytics, broker, io } = this.#options;
    const refusal = broker.refusal()?.message;
    const takesIn = plan.roles.includes('intake');
    const checks: Check[] = [];
    if (takesIn) checks.push(check('broker', refusal), await diskCheck(io, plan.config.dataDir));
    if (!opensStore(plan.roles)) return checks;
    const open = analytics();
    checks.push(check('store', open ? (open.rebuilding ?? undefined) : this.step));
    // A broker that takes nothing in still gives what it has; one that is away gives nothing.
    if (plan.roles.includes('loader'))
      checks.push(check('loader', loaderReason(open) ?? (takesIn ? undefined : refusal)));
    return checks;
  }

  async #peer(): Promise<readonly Check[]> {
    if (!this.#options.forwarder) return [];
    try {
      const { checks } = (await this.#fromPeer('/readyz')) as Readiness;
      return checks;
    } catch (error) {
      return [{ name: 'analytics', ok: false, reason: messageOf(error) }];
    }
  }

  async #fromPeer(path: string): Promise<unknown> {
    const { forwarder } = this.#options;
    if (!forwarder) throw new AzudError('unavailable', 'this process has no other half');
    const signal = AbortSignal.timeout(PEER_TIMEOUT_MS);
    const { body } = await forwarder.fetch(path, { principal: ANYONE, signal }).catch((error: unknown) => {
      throw signal.aborted ? new AzudError('unavailable', 'analytics does not answer', { cause: error }) : error;
    });
    return JSON.parse(body.toString());
  }
}

/** @param reason why not, in words; undefined: all is well */
function check(name: string, reason: string | undefined): Check {
  return reason === undefined ? { name, ok: true } : { name, ok: false, reason };
}

function loaderReason(analytics: Analytics | null): string | undefined {
  if (!analytics) return 'waits for the store';
  const { state } = analytics;
  if (state.name === 'running') return undefined;
  return 'reason' in state ? state.reason : state.name;
}

async function diskCheck(io: Pick<Io, 'space'>, folder: string): Promise<Check> {
  const { freeBytes, totalBytes } = await io.space(folder);
  const used = 1 - freeBytes / totalBytes;
  const full = used >= LOG_LIMITS.diskUsedRatioMax;
  return check('disk', full ? `the disk of the data directory is ${(used * 100).toFixed(1)}% full` : undefined);
}
