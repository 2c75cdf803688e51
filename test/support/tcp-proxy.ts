import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { PassThrough, type Transform } from 'node:stream';

/** What a proxy does to the bytes of one connection; destroyed with it. */
export interface Meddling {
  readonly toServer: Transform;
  readonly toClient: Transform;
}

const none = (): Meddling => ({ toServer: new PassThrough(), toClient: new PassThrough() });

/** A TCP proxy on a free port before a server on this host, whose connections a test can break. */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #targetPort: () => number;
  readonly #meddle: () => Meddling;

  private constructor(targetPort: () => number, meddle: () => Meddling) {
    this.#targetPort = targetPort;
    this.#meddle = meddle;
    this.#server = createServer((client) => this.#join(client));
  }

  static async start(targetPort: () => number, meddle = none): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort, meddle);
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
    const { toServer, toClient } = this.#meddle();
    for (const [from, to, through] of [
      [client, server, toServer],
      [server, client, toClient],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
        through.destroy();
      });
      from.pipe(through).pipe(to);
    }
  }
}
