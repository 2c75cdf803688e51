import { notConnected } from './errors.ts';

export interface ConnectionOptions<Link> {
  /** The server, and as whom, in words. */
  readonly where: string;
  /**
   * Makes a connection, and calls `broken` when it ends by itself; nothing of it may be left then.
   * @throws AzudError `not-connected`, `access-denied`
   */
  readonly connect: (broken: () => void) => Promise<Link>;
  readonly disconnect: (link: Link) => Promise<void>;
}

/**
 * At most one connection, made again by the next call. Clients would connect again by themselves and hold calls back
 * meanwhile; here a call on a broken connection fails at once, the next one makes a new connection, and the portable
 * broker decides how often to try.
 */
export class Connection<Link> {
  readonly #options: ConnectionOptions<Link>;
  #link: Promise<Link> | null = null;
  #closed = true;

  constructor(options: ConnectionOptions<Link>) {
    this.#options = options;
  }

  get where(): string {
    return this.#options.where;
  }

  /** From now on calls connect. @throws as `link` */
  open(): Promise<Link> {
    this.#closed = false;
    return this.link();
  }

  /** @throws AzudError as `connect`; `not-connected` while it is closed */
  async link(): Promise<Link> {
    if (this.#closed) throw notConnected(this.where);
    this.#link ??= this.#connect();
    return this.#link;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const link = await this.#link?.catch(() => null);
    this.#link = null;
    if (link) await this.#options.disconnect(link);
  }

  #connect(): Promise<Link> {
    const forget = () => {
      if (this.#link === link) this.#link = null;
    };
    const link = this.#options.connect(forget);
    link.catch(forget);
    return link;
  }
}
