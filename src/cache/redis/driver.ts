import { createClient, RESP_TYPES } from 'redis';
import { type AzudError, messageOf } from '../../error/azud-error.ts';
import { readAuthority } from '../../error/tls.ts';
import { backoffMs } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import { CACHE_LIMITS } from '../../limits.ts';
import type { CacheCapabilities, CacheDriver, CacheEntry } from '../driver.ts';
import { type Address, addressOf } from './address.ts';
import { classified, notConnected } from './errors.ts';

/** What REDIS_SETTINGS (config.ts) declares, read. */
export interface RedisSettings {
  readonly url: string | null;
  readonly password: string | null;
  readonly ca: string | null;
  readonly prefix: string | null;
}

export interface RedisContext {
  /** Name of the system; keys begin with it. */
  readonly system: string;
  readonly clock: Clock;
}

type Client = ReturnType<typeof clientOf>;

const BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };
/** Calls that may wait for their answers: each has its time, and a connection that does not answer is dropped. */
const CALLS_MAX = 20_000;

const ADD_ALL = `local before = {}
for n, key in ipairs(KEYS) do
  before[n] = redis.call('SET', key, ARGV[2 * n - 1], 'PX', ARGV[2 * n], 'NX', 'GET')
end
return before`;

/** Redis 7 or newer, or a server that speaks like it: strings with a time to live under one prefix. */
export class RedisDriver implements CacheDriver {
  readonly capabilities: CacheCapabilities = {
    kind: 'redis',
    sharing: 'network',
    entryBytesMax: CACHE_LIMITS.sharedEntryBytesMax,
  };
  readonly #settings: RedisSettings;
  readonly #clock: Clock;
  readonly #address: Address;
  readonly #where: string;
  readonly #prefix: string;
  #ca: Buffer | null = null;
  #client: Client | null = null;
  /** Why the client is not connected. */
  #reason = 'it was not opened';

  /** @throws AzudError `invalid-config` */
  constructor(settings: RedisSettings, { system, clock }: RedisContext) {
    this.#settings = settings;
    this.#clock = clock;
    this.#address = addressOf(settings.url, settings.password);
    const { user, host, port } = this.#address;
    this.#where = `redis ${user === undefined ? '' : `${user}@`}${host}:${port}`;
    this.#prefix = settings.prefix ?? `azud:${system}:`;
  }

  async open(): Promise<void> {
    const { ca } = this.#settings;
    if (ca !== null) this.#ca = await readAuthority(ca, 'cache.ca');
    const client = this.#connect();
    const tried = Promise.withResolvers<void>();
    client.once('ready', tried.resolve);
    client.once('error', (error: unknown) => tried.reject(classified(error, this.#where)));
    const over = new AbortController();
    void this.#clock.sleep(CACHE_LIMITS.openTimeoutMs, over.signal).then(() => {
      tried.reject(notConnected(this.#where, `no answer within ${CACHE_LIMITS.openTimeoutMs} ms`));
    });
    await tried.promise.finally(() => over.abort());
  }

  async get(keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
    return this.#ask<(Buffer | null)[]>(['MGET', ...keys.map((key) => this.#prefix + key)]);
  }

  async set(entries: readonly CacheEntry[]): Promise<void> {
    await Promise.all(entries.map((entry) => this.#ask(this.#setting(entry))));
  }

  async add(entries: readonly CacheEntry[]): Promise<readonly Buffer[]> {
    const before = await this.#added(entries);
    return entries.map(({ bytes }, index) => before[index] ?? bytes);
  }

  async remove(keys: readonly string[]): Promise<void> {
    await this.#ask(['DEL', ...keys.map((key) => this.#prefix + key)]);
  }

  /** A connection on which an answer is overdue may be dead without anyone having been told. */
  reset(reason: AzudError): void {
    this.#renew(reason.message);
  }

  async close(): Promise<void> {
    this.#client?.destroy();
    this.#client = null;
    this.#reason = 'it is closed';
  }

  /** What was there before. Many go as one call: a call for each costs this process several times as much. */
  async #added(entries: readonly CacheEntry[]): Promise<readonly (Buffer | null)[]> {
    const [first] = entries;
    if (!first) return [];
    if (entries.length === 1) return [await this.#ask<Buffer | null>([...this.#setting(first), 'NX', 'GET'])];
    const keys = entries.map(({ key }) => this.#prefix + key);
    const values = entries.flatMap(({ bytes, ttlMs }) => [bytes, String(Math.ceil(ttlMs))]);
    return this.#ask<(Buffer | null)[]>(['EVAL', ADD_ALL, String(keys.length), ...keys, ...values]);
  }

  #setting({ key, bytes, ttlMs }: CacheEntry): (string | Buffer)[] {
    return ['SET', this.#prefix + key, bytes, 'PX', String(Math.ceil(ttlMs))];
  }

  async #ask<Reply>(words: readonly (string | Buffer)[]): Promise<Reply> {
    const client = this.#client;
    if (!client?.isReady) throw notConnected(this.#where, this.#reason);
    try {
      return (await client.sendCommand(words, BYTES)) as Reply;
    } catch (error) {
      throw classified(error, this.#where);
    }
  }

  #renew(reason: string): void {
    this.#reason = reason;
    this.#client?.destroy();
    this.#connect();
  }

  /** Connects behind the scenes, for as long as it takes. */
  #connect(): Client {
    const client = clientOf(this.#address, this.#ca);
    this.#client = client;
    client.on('error', (error: unknown) => {
      if (this.#client === client) this.#reason = messageOf(error);
    });
    this.#watchGreeting(client);
    // It tries again by itself, and tells of each failure as an error.
    client.connect().catch(() => {});
    return client;
  }

  /** The client gives a new connection its time, but not the greeting on it. */
  #watchGreeting(client: Client): void {
    let awaited = new AbortController();
    const over = () => awaited.abort();
    client.on('ready', over).on('error', over).on('end', over);
    client.on('connect', () => {
      awaited = new AbortController();
      const { signal } = awaited;
      void this.#clock.sleep(CACHE_LIMITS.openTimeoutMs, signal).then(() => {
        if (!signal.aborted && this.#client === client) this.#renew('the server does not greet');
      });
    });
  }
}

function clientOf({ host, port, tls, user, password, database }: Address, ca: Buffer | null) {
  return createClient({
    socket: {
      host,
      port,
      ...(tls && { tls: true as const, ...(ca !== null && { ca }) }),
      connectTimeout: CACHE_LIMITS.openTimeoutMs,
      reconnectStrategy: (retries) =>
        backoffMs(retries, { firstMs: CACHE_LIMITS.reconnectFirstMs, maxMs: CACHE_LIMITS.restMaxMs }),
    },
    ...(user !== undefined && { username: user }),
    ...(password !== undefined && { password }),
    database,
    name: 'azud',
    // What cannot be sent now is not worth sending later.
    disableOfflineQueue: true,
    commandsQueueMaxLength: CALLS_MAX,
    maintNotifications: 'disabled',
  });
}
