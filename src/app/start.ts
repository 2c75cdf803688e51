import { BROKER_CAPABILITIES } from '../broker/registry.ts';
import type { Config } from '../config/config.ts';
import { systemClock } from '../lib/clock.ts';
import type { Io } from '../lib/io.ts';
import { nodeIo } from '../lib/node-io.ts';
import { STORE_CAPABILITIES } from '../store/registry.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { compose } from './compose.ts';
import type { ComposeContext, ProcessPlan } from './plan.ts';
import { ANALYTICS_ROLES, ROLES, type Role, refuseSplit, rolesOf, type Sharing } from './roles.ts';
import { Supervisor } from './supervise.ts';
import { exitOnUnexpected } from './unexpected.ts';

export interface StartOptions {
  readonly config: Config;
  /** Names of roles, `all` among them; none: the supervised pair. */
  readonly roles?: readonly string[];
  readonly allowDestructive?: boolean;
  /** Ends it: SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** A line for people, on stderr. */
  readonly say: (line: string) => void;
  /** Called with the address when everything is ready. */
  readonly onReady?: (url: string) => void;
}

/**
 * Runs Azud until the signal aborts. Resolves with the exit code.
 * @throws AzudError when it cannot start: `invalid-usage`, `locked`, `address-in-use`, `unsafe-setting`, `destructive-change` …
 */
export async function start(options: StartOptions): Promise<number> {
  const { config, roles = [] } = options;
  const log = createLog(config.log.level);
  exitOnUnexpected(log);
  for (const warning of config.warnings) log.warn(warning);
  if (roles.length > 0) return startRoles([...new Set(roles.flatMap(rolesOf))], options, log);
  // A broker that lives in memory has nothing that two processes could share.
  if (sharingOf(config).broker.sharing === 'process') return startRoles(ROLES, options, log);
  return startPair(options, log);
}

async function startPair({ config, allowDestructive = false, signal, say, onReady }: StartOptions, log: Log) {
  process.title = 'azud supervisor';
  const common = { config, port: config.server.port, allowDestructive };
  const supervisor = new Supervisor({
    intake: { ...common, title: 'intake', roles: ['intake'], door: 'public', forwards: true },
    analytics: { ...common, title: 'analytics', roles: ANALYTICS_ROLES, door: 'internal', forwards: false },
    clock: systemClock,
    log: log.with({ role: 'supervisor' }),
    onReady: (url, promise) => {
      banner({ config, url, promise, say });
      onReady?.(url);
    },
  });
  onAbort(signal, () => supervisor.stop());
  return supervisor.run();
}

async function startRoles(roles: readonly Role[], options: StartOptions, log: Log): Promise<number> {
  const { config, signal, say, onReady, allowDestructive = false } = options;
  refuseSplit(roles, sharingOf(config));
  const title = roles.length === ROLES.length ? 'all' : roles.join('+');
  process.title = `azud ${title}`;
  const plan = onePlan(config, { roles, title, allowDestructive });
  const failed = Promise.withResolvers<never>();
  const stopped = Promise.withResolvers<void>();
  onAbort(signal, stopped.resolve);
  const system = await compose(plan, contextOf({ io: nodeIo, log }, failed.reject));
  await Promise.race([system.ready, failed.promise, stopped.promise]);
  if (!signal.aborted) {
    banner({ config, url: system.url, promise: system.promise, say });
    onReady?.(system.url);
  }
  await Promise.race([stopped.promise, failed.promise]);
  await system.close();
  return 0;
}

/** A whole Azud inside this process, for tests and for programs that embed it. */
export async function startAzud(config: Config, options: StartAzudOptions = {}): Promise<RunningAzud> {
  const { roles = ['all'], io = nodeIo, allowDestructive = false, onFatal } = options;
  const log = options.log ?? createLog(config.log.level);
  const played = [...new Set(roles.flatMap(rolesOf))];
  refuseSplit(played, sharingOf(config));
  const failed = Promise.withResolvers<never>();
  // Nobody need wait for a failure; who wants to hear of it gives onFatal.
  failed.promise.catch((error: unknown) => onFatal?.(error));
  const plan = onePlan(config, { roles: played, title: 'all', allowDestructive });
  const system = await compose(plan, contextOf({ io, log }, failed.reject));
  try {
    await Promise.race([system.ready, failed.promise]);
  } catch (error) {
    await system.close();
    throw error;
  }
  return {
    url: system.url,
    port: system.port,
    close: () => system.close(),
  };
}

export interface StartAzudOptions {
  /** `all` by default. */
  readonly roles?: readonly string[];
  readonly log?: Log;
  /** The disk below the log; the real one by default. */
  readonly io?: Io;
  readonly allowDestructive?: boolean;
  /** The store or the log can no longer be trusted; close, and start anew. */
  readonly onFatal?: (error: unknown) => void;
}

export interface RunningAzud {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  readonly port: number;
  /** Drains and closes everything. */
  close(): Promise<void>;
}

function sharingOf({ broker, store }: Config): Sharing {
  return { broker: BROKER_CAPABILITIES[broker.kind], store: STORE_CAPABILITIES[store.kind] };
}

type Persona = Pick<ProcessPlan, 'roles' | 'title' | 'allowDestructive'>;

function onePlan(config: Config, persona: Persona): ProcessPlan {
  return { ...persona, config, door: 'public', forwards: false, port: config.server.port };
}

function contextOf({ io, log }: Pick<ComposeContext, 'io' | 'log'>, onFatal: (error: Error) => void): ComposeContext {
  return { io, log, onStep: (step) => log.info(step), onFatal };
}

function onAbort(signal: AbortSignal, action: () => void): void {
  if (signal.aborted) action();
  else signal.addEventListener('abort', action, { once: true });
}

interface Banner {
  readonly config: Config;
  readonly url: string;
  readonly promise: string;
  readonly say: (line: string) => void;
}

function banner({ config, url, promise, say }: Banner): void {
  say(`${config.system.name} (${config.system.environment}) is ready at ${url}`);
  say(`  docs        ${url}/docs`);
  say(`  data        ${config.dataDir}`);
  say(`  durability  ${promise}`);
  if (config.auth.tokens.length === 0) say('  no tokens are set: listening on loopback only');
}
