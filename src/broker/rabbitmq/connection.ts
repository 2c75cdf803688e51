import { readFile } from 'node:fs/promises';
import { type Channel, Connection as Client, type ConnectionOptions } from 'rabbitmq-client';
import { classified, notConnected } from './errors.ts';

export interface ServerSettings {
  readonly servers: string;
  readonly vhost: string;
  readonly user: string;
  readonly password: string | null;
  readonly tls: boolean;
  readonly ca: string | null;
}

/** A live connection, with the one channel that publishes. */
export interface Link {
  readonly client: Client;
  readonly publisher: Channel;
}

const TIMEOUT_MS = 5_000;
/** A silent server is given up after two of them, s. */
const HEARTBEAT_S = 10;

/**
 * At most one connection. The client would connect again by itself and hold calls back meanwhile; here a call on a broken
 * connection fails at once, the next one makes a new connection, and the portable broker decides how often to try.
 */
export class Connection {
  readonly where: string;
  readonly #settings: ServerSettings;
  #link: Promise<Link> | null = null;
  #closed = true;

  constructor(settings: ServerSettings) {
    this.#settings = settings;
    this.where = `rabbitmq ${settings.user}@${settings.servers}${settings.vhost === '/' ? '' : `/${settings.vhost}`}`;
  }

  open(): Promise<Link> {
    this.#closed = false;
    return this.link();
  }

  /** @throws AzudError `not-connected`, `access-denied` */
  async link(): Promise<Link> {
    if (this.#closed) throw notConnected(this.where);
    const link = this.#link ?? this.#connect();
    this.#link = link;
    try {
      return await link;
    } catch (error) {
      if (this.#link === link) this.#link = null;
      throw error;
    }
  }

  /** What was not acked goes back to the queue. */
  async close(): Promise<void> {
    this.#closed = true;
    const link = await this.#link?.catch(() => null);
    this.#link = null;
    if (!link) return;
    await link.publisher.close();
    await link.client.close();
  }

  async #connect(): Promise<Link> {
    const client = new Client(await connectionOptions(this.#settings));
    const broken = Promise.withResolvers<never>();
    broken.promise.catch(() => {});
    let opened: Link | null = null;
    client.on('error', (error: unknown) => {
      broken.reject(error);
      client.unsafeDestroy();
      void this.#forget(opened);
    });
    try {
      const publisher = await Promise.race([client.acquire(), broken.promise]);
      await publisher.confirmSelect();
      opened = { client, publisher };
      // The server closes a channel on which something went wrong; nothing else may be published on it.
      publisher.once('close', () => void this.#forget(opened));
      return opened;
    } catch (error) {
      client.unsafeDestroy();
      throw classified(error, this.where);
    }
  }

  async #forget(broken: Link | null): Promise<void> {
    const current = this.#link;
    const link = await current?.catch(() => null);
    if (!current || !broken || link !== broken) return;
    if (this.#link === current) this.#link = null;
    broken.client.unsafeDestroy();
  }
}

async function connectionOptions(settings: ServerSettings): Promise<ConnectionOptions> {
  const { servers, vhost, user, password, tls, ca } = settings;
  return {
    hosts: servers.split(',').map((each) => each.trim()),
    vhost,
    username: user,
    password: password ?? 'guest',
    connectionName: 'azud',
    acquireTimeout: TIMEOUT_MS,
    connectionTimeout: TIMEOUT_MS,
    heartbeat: HEARTBEAT_S,
    noDelay: true,
    ...((tls || ca !== null) && { tls: ca === null ? true : { ca: await readFile(ca) } }),
  };
}
