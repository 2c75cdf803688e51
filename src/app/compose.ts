import { join } from 'node:path';
import type { Broker } from '../broker/broker.ts';
import { openBroker } from '../broker/registry.ts';
import { AzudError } from '../error/azud-error.ts';
import type { TakenIn } from '../event/taken-in.ts';
import { Authenticator } from '../http/auth.ts';
import { createDocuments } from '../http/documents.ts';
import { Forwarder } from '../http/forward.ts';
import type { Rooms } from '../http/rooms.ts';
import { INTERNAL_ROUTES } from '../http/routes/internal.ts';
import { routeTable } from '../http/routes/table.ts';
import { HttpServer, type ListenAddress } from '../http/server.ts';
import { Intake } from '../intake/intake.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { SteadyClock } from '../lib/steady-clock.ts';
import { CLOCK_LIMITS, SUPERVISOR_LIMITS } from '../limits.ts';
import { compileEndpoints } from '../query/endpoint.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { type Analytics, openAnalytics } from './analytics.ts';
import { type Caches, openCaches } from './caches.ts';
import { prepareDataDir, requireKept } from './data-dir.ts';
import { HealthChecks } from './health.ts';
import type { ComposeContext, ProcessPlan } from './plan.ts';
import { opensStore, type Role } from './roles.ts';
import { prepareSocket, socketPath } from './sockets.ts';
import { VERSION } from './version.ts';

/** One running process of Azud. */
export interface System {
  readonly port: number;
  readonly url: string;
  /** What a 2xx of intake means, in one sentence. */
  readonly promise: string;
  /** Resolves when the store is open and events are being loaded; at once where this process has none. */
  readonly ready: Promise<void>;
  /** Takes no new request, and answers those in flight. */
  drain(): Promise<void>;
  /** Drains and closes everything. Calling it again waits for the first call. */
  close(): Promise<void>;
}

const ANALYTICS_SOCKET = 'analytics.sock';

/**
 * Builds the object graph of a process: what it opens, in which order, and how it closes again. The door opens before
 * the store does, so that intake takes events in, and health is told, while a store still recovers.
 * @throws AzudError from the broker and the door; what the store throws reaches `onFatal`
 */
export async function compose(plan: ProcessPlan, context: ComposeContext): Promise<System> {
  const { config } = plan;
  if (plan.resumed && config.broker.kind === 'log') await requireKept(join(config.dataDir, 'log'));
  await prepareDataDir(config.dataDir);
  const metrics = new Metrics();
  metrics.gauge('azud_build_info', { version: VERSION }).set(1);
  const broker = await openBroker(config.broker, {
    dataDir: config.dataDir,
    system: config.system.name,
    role: plan.door === 'internal' ? 'client' : 'owner',
    io: context.io,
    clock: systemClock,
    log: context.log,
    metrics,
    onFatal: context.onFatal,
  });
  let caches: Caches | null = null;
  try {
    caches = await openCaches({ plan, broker, metrics, log: context.log });
    return await new Process({ plan, context, metrics, broker, caches }).open();
  } catch (error) {
    await caches?.close();
    await broker.close();
    throw error;
  }
}

interface Parts {
  readonly plan: ProcessPlan;
  readonly context: ComposeContext;
  readonly metrics: Metrics;
  readonly broker: Broker;
  readonly caches: Caches;
}

class Process implements System {
  readonly #parts: Parts;
  readonly #server: HttpServer;
  readonly #forwarder: Forwarder | null;
  readonly #health: HealthChecks;
  readonly #readyGate = Promise.withResolvers<void>();
  readonly #ending = new AbortController();
  #analytics: Analytics | null = null;
  #opening: Promise<void> = Promise.resolve();
  #closing: Promise<void> | null = null;
  #port = 0;

  constructor(parts: Parts) {
    const { plan, metrics, context } = parts;
    const { config } = plan;
    this.#parts = parts;
    this.#forwarder = plan.forwards
      ? new Forwarder({ socketPath: socketPath(config.dataDir, ANALYTICS_SOCKET) })
      : null;
    this.#health = new HealthChecks({
      plan,
      metrics,
      io: context.io,
      broker: parts.broker,
      forwarder: this.#forwarder,
      active: () => this.#server.active,
      analytics: () => this.#analytics,
      takenIn: (id) => this.#takenIn(id),
    });
    // Whoever waits for readiness hears of a failure through onFatal.
    this.#readyGate.promise.catch(() => {});
    const endpoints = compileEndpoints(config.endpoints);
    const table = routeTable({ datasets: config.datasets, endpoints, routes: config.routes });
    const internal = plan.door === 'internal';
    this.#server = new HttpServer({
      routes: internal ? [...table, ...INTERNAL_ROUTES] : table,
      rooms: this.#rooms(createDocuments(table, () => this.#facts())),
      forwarder: this.#forwarder,
      authenticator: internal ? null : new Authenticator(config.auth.tokens, systemClock),
      metrics,
      log: context.log,
    });
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    const { host } = this.#parts.plan.config.server;
    return `http://${host.includes(':') ? `[${host}]` : host}:${this.#port}`;
  }

  get promise(): string {
    return this.#health.durability().promise;
  }

  get ready(): Promise<void> {
    return this.#readyGate.promise;
  }

  async open(): Promise<this> {
    this.#port = await this.#listen();
    this.#opening = this.#openAnalytics();
    return this;
  }

  /** Who waits for the store is told `queued` half-way: one who is cut does not know that the events are safe. */
  drain(): Promise<void> {
    const { intakeDrainMs } = SUPERVISOR_LIMITS;
    setTimeout(() => this.#ending.abort(), intakeDrainMs / 2).unref();
    return this.#server.close(intakeDrainMs);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.drain();
    await this.#opening;
    await this.#analytics?.close();
    this.#forwarder?.close();
    this.#health.close();
    await this.#parts.caches.close();
    await this.#parts.broker.close();
  }

  async #openAnalytics(): Promise<void> {
    const { plan, context, metrics, broker, caches } = this.#parts;
    if (!opensStore(plan.roles)) return this.#readyGate.resolve();
    try {
      this.#analytics = await openAnalytics({
        plan,
        metrics,
        broker,
        caches,
        ...context,
        onStep: (step) => {
          this.#health.step = step;
          context.onStep(step);
        },
      });
      this.#readyGate.resolve();
    } catch (error) {
      this.#readyGate.reject(error);
      context.onFatal(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #listen(): Promise<number> {
    const { plan } = this.#parts;
    try {
      return await this.#server.listen(await this.#address());
    } catch (error) {
      const { host } = plan.config.server;
      throw listenError(error as NodeJS.ErrnoException, `${host}:${plan.port}`);
    }
  }

  async #address(): Promise<ListenAddress> {
    const { door, config, port } = this.#parts.plan;
    if (door === 'public') return { host: config.server.host, port };
    const path = socketPath(config.dataDir, ANALYTICS_SOCKET);
    await prepareSocket(path);
    return { path };
  }

  /** Upserts and pages go by the time of receipt. */
  #intakeClock(): Clock {
    const { log } = this.#parts.context;
    const onJump = (ms: number) =>
      log.warn('the clock of this machine was set: times of receipt follow it', { by_ms: ms });
    return new SteadyClock(systemClock, { ...CLOCK_LIMITS, onJump });
  }

  #rooms(documents: Rooms['documents']): Rooms {
    const { plan, broker, caches } = this.#parts;
    const { datasets } = plan.config;
    const { transactions } = caches;
    const onTakenIn = transactions?.tell.bind(transactions);
    const intake = plan.roles.includes('intake')
      ? new Intake({ datasets, publish: (messages) => broker.publish(messages), onTakenIn, clock: this.#intakeClock() })
      : null;
    // Receipts lie in the store: an intake that runs apart from all that open it cannot wait for them.
    const knowsReceipts = plan.forwards || opensStore(plan.roles);
    const room = intake && {
      take: intake.take.bind(intake),
      ...(knowsReceipts && { settled: this.#health.settled.bind(this.#health) }),
      ending: this.#ending.signal,
      takenIn: (id: string) => this.#takenIn(id),
    };
    return {
      intake() {
        if (room) return room;
        throw elsewhere('takes nothing in', 'intake');
      },
      query: () => this.#queryRoom(),
      system: this.#health,
      documents,
    };
  }

  /** What another process of this system cannot find by itself. */
  async #takenIn(transactionId: string): Promise<TakenIn | null> {
    const { transactions } = this.#parts.caches;
    return transactions?.local ? transactions.find(transactionId) : null;
  }

  #queryRoom(): ReturnType<Rooms['query']> {
    if (!this.#parts.plan.roles.includes('query')) throw elsewhere('serves no reads', 'query');
    const step = this.#analytics ? this.#analytics.rebuilding : this.#health.step;
    if (this.#analytics && step === null) return this.#analytics.query;
    const state = this.#analytics ? 'being rebuilt' : 'not open yet';
    throw new AzudError('unavailable', `the store is ${state}: ${step}`, { retryAfterSeconds: 1 });
  }

  #facts(): Parameters<typeof createDocuments>[1] extends () => infer Facts ? Facts : never {
    const { config } = this.#parts.plan;
    return {
      system: config.system.name,
      environment: config.system.environment,
      version: VERSION,
      promise: this.promise,
      tokens: config.auth.tokens.length > 0,
      url: this.url,
    };
  }
}

function elsewhere(what: string, role: Role): AzudError {
  return new AzudError('unavailable', `this process ${what}: its role is another`, {
    hint: `Ask a process with the role ${role}.`,
  });
}

function listenError(error: NodeJS.ErrnoException, address: string): Error {
  if (error.code === 'EADDRINUSE') {
    return new AzudError('address-in-use', `${address} is taken by another process`, { cause: error });
  }
  if (error.code === 'EACCES' || error.code === 'EADDRNOTAVAIL') {
    return new AzudError('invalid-config', `cannot listen on ${address}: ${error.code}`, {
      cause: error,
      hint: 'Choose another server.host or server.port.',
    });
  }
  return error;
}
