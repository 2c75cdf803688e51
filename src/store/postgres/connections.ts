import { Client, type ClientConfig, Pool, type PoolClient } from 'pg';
import { AzudError } from '../../error/azud-error.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { type Address, placeOf } from './address.ts';
import { breaksConnection, classify } from './errors.ts';

/** To open a connection, or to wait for a free one. A read may wait as long as a query may take. */
const CONNECT_TIMEOUT_MS = 5_000;
const IDLE_TIMEOUT_MS = 60_000;
/** A server that does not even say that a statement took too long is gone. */
const SILENCE_TIMEOUT_MS = 150_000;

export interface ConnectionsOptions {
  readonly address: Address;
  readonly schema: string;
  /** The pool's name in metrics; `upkeep` makes tables and sweeps, which may take long. */
  readonly pool: keyof typeof PURPOSE;
  readonly max: number;
  readonly metrics: Metrics | undefined;
}

/** Of every session: values arrive in one spelling, and what hangs is ended by the server as well. */
const SESSION = {
  TimeZone: 'UTC',
  DateStyle: 'ISO',
  IntervalStyle: 'iso_8601',
  extra_float_digits: '1',
  bytea_output: 'hex',
  client_min_messages: 'warning',
  tcp_keepalives_idle: '10',
  tcp_keepalives_interval: '5',
  tcp_keepalives_count: '4',
} as const;

const PURPOSE = {
  // A unit takes seconds; a loader that hangs in the middle of one must not hold its locks for ever.
  write: { lock_timeout: '20s', idle_in_transaction_session_timeout: '60s', statement_timeout: '2min' },
  // Whoever waits for a whole table holds up all that come after it: better to give up, and try at the next sweep.
  upkeep: { lock_timeout: '5s' },
  /** A caller's own SQL: with the reader's rights, on a connection that nobody uses afterwards. */
  ad_hoc: {
    default_transaction_read_only: 'on',
    lock_timeout: '5s',
    idle_in_transaction_session_timeout: '60s',
    statement_timeout: '60s',
    work_mem: '16MB',
  },
  read: {
    default_transaction_read_only: 'on',
    lock_timeout: '5s',
    idle_in_transaction_session_timeout: '60s',
    statement_timeout: '60s',
  },
} as const;

/** A bounded set of connections for one purpose, counted in metrics. */
export class Connections {
  readonly #pool: Pool;
  readonly #options: ConnectionsOptions;
  readonly #config: ClientConfig;

  constructor(options: ConnectionsOptions) {
    const { address, pool, max } = options;
    this.#options = options;
    this.#config = {
      ...address,
      application_name: `azud ${pool}`,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      ...(pool === 'upkeep' ? {} : { query_timeout: SILENCE_TIMEOUT_MS }),
      options: startOptions({ search_path: options.schema, ...SESSION, ...PURPOSE[pool] }),
    };
    this.#pool = new Pool({ ...this.#config, max, idleTimeoutMillis: IDLE_TIMEOUT_MS });
    // The statement in hand fails as well; without a listener the same error would end the process.
    this.#pool.on('connect', (client) => void client.on('error', () => {}));
    // An idle connection that the server ends is replaced when the next one is asked for.
    this.#pool.on('error', () => this.#count());
    for (const event of ['acquire', 'release', 'remove'] as const) this.#pool.on(event, () => this.#count());
    options.metrics?.gauge('db_client_connection_max', { pool }).set(max);
  }

  /** For messages. */
  get place(): string {
    return placeOf(this.#options.address);
  }

  /** @throws AzudError `not-connected`, `access-denied`, `overloaded` when none came free in time */
  async take(): Promise<PoolClient> {
    try {
      const waiting = this.#pool.connect();
      this.#count();
      return await waiting;
    } catch (error) {
      const known = classify(error, this.place);
      const { metrics, pool } = this.#options;
      if (known.code === 'overloaded') metrics?.counter('db_client_connection_timeouts_total', { pool }).inc();
      throw known;
    }
  }

  /** Gives a connection back; after an error that says so it is closed instead. */
  give(client: PoolClient, error?: unknown): void {
    // What a caller's own SQL did to its session (settings, advisory locks) ends with it.
    const spent = this.#options.pool === 'ad_hoc';
    client.release(spent || (error !== undefined && breaksConnection(error)));
    this.#count();
  }

  /** The work on a connection of its own. @throws what the work throws, as it is */
  async use<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.take();
    try {
      const result = await work(client);
      this.give(client);
      return result;
    } catch (error) {
      this.give(client, error);
      throw error;
    }
  }

  /** The work in a transaction. A failure rolls back; when even that fails, the connection goes. */
  transaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    return this.use(async (client) => {
      await client.query('BEGIN');
      try {
        const result = await work(client);
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await rollback(client, error);
        throw error;
      }
    });
  }

  /** Ends what a session is doing, over a connection of its own: the session's is busy. */
  async cancel(processId: number): Promise<void> {
    const client = new Client(this.#config);
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query('SELECT pg_cancel_backend($1)', [processId]);
    } finally {
      await client.end();
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
    this.#count();
  }

  #count(): void {
    const { metrics, pool } = this.#options;
    if (!metrics) return;
    const { totalCount, idleCount, waitingCount } = this.#pool;
    const state = (name: 'used' | 'idle') =>
      metrics.gauge('db_client_connection_count', { pool, db_client_connection_state: name });
    state('used').set(totalCount - idleCount);
    state('idle').set(idleCount);
    metrics.gauge('db_client_connection_pending_requests', { pool }).set(waitingCount);
  }
}

/** A session is back outside any transaction, or never used again. */
async function rollback(client: PoolClient, error: unknown): Promise<void> {
  if (breaksConnection(error)) return;
  try {
    await client.query('ROLLBACK');
  } catch (cause) {
    throw new AzudError('not-connected', classify(error, 'the transaction failed').message, { cause });
  }
}

function startOptions(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
}
