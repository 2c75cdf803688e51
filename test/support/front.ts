import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';

/** Addresses of the processes behind it, by what they do. */
export interface Behind {
  readonly intake: readonly string[];
  readonly query: readonly string[];
}

/**
 * One address for the processes of a split system, as a load balancer gives: what is sent to `/v1/events` goes to intake,
 * everything else to query, each time to the next one.
 */
export class Front {
  readonly #server: Server;
  readonly #behind: Behind;
  #turn = 0;

  private constructor(behind: Behind) {
    this.#behind = behind;
    this.#server = createServer((asked, answer) => this.#pass(asked, answer));
  }

  static async start(behind: Behind): Promise<Front> {
    const front = new Front(behind);
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    return front;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the front is not open');
    return `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pass(asked: IncomingMessage, answer: ServerResponse): void {
    const { method, headers, url = '/' } = asked;
    const urls = this.#behind[/^\/v1\/events\b/.test(url) ? 'intake' : 'query'];
    this.#turn += 1;
    const passed = request(urls[this.#turn % urls.length] + url, { method, headers }, (given) => {
      answer.writeHead(given.statusCode ?? 502, given.headers);
      given.pipe(answer);
    });
    passed.on('error', () => {
      if (!answer.headersSent) answer.writeHead(502);
      answer.end();
    });
    asked.pipe(passed);
  }
}
