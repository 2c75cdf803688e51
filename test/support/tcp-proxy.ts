import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { PassThrough, type Transform } from 'node:stream';

/** What a proxy does to the bytes of a connection; a new one is asked for with each. */
export interface Meddling {
  toServer(): Transform;
  toClient(): Transform;
}

const NONE: Meddling = { toServer: () => new PassThrough(), toClient: () => new PassThrough() };

/** A TCP proxy on a free port before a server on this host, whose connections a test can break. */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #targetPort: () => number;
  readonly #meddling: Meddling;

  private constructor(targetPort: () => number, meddling: Meddling) {
    this.#targetPort = targetPort;
    this.#meddling = meddling;
    this.#server = createServer((client) => this.#join(client));
  }

  static async start(targetPort: () => number, meddling = NONE): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort, meddling);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy is not open');
    return address.port;
  }

  /** Breaks every connection, with whatever is on its way; new ones are taken. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#sockets.clear();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket): void {
    const server = connect(this.#targetPort(), '127.0.0.1');
    for (const [from, to, through] of [
      [client, server, this.#meddling.toServer()],
      [server, client, this.#meddling.toClient()],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(through).pipe(to);
    }
  }
}
