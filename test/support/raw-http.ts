import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

const HEAD_END = '\r\n\r\n';

/** A connection that says exactly what it is told, for requests that no client library would send. */
export class RawConnection {
  readonly #socket: Socket;
  #received = '';
  #wake: () => void = () => {};
  closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#received += text;
      this.#wake();
    });
    // A reset is an end like any other: the test says whether it should have come.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(bytes);
  }

  /** Resolves when the kernel has the bytes. */
  sendAll(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => this.#socket.write(bytes, () => resolve()));
  }

  /** The next answer. @throws Error when the connection closes without one */
  async answer(): Promise<RawAnswer> {
    for (;;) {
      const answer = this.#take();
      if (answer) return answer;
      if (this.closed) throw new Error(`closed without an answer, after ${JSON.stringify(this.#received)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Resolves when the other side has closed. */
  async end(): Promise<void> {
    if (!this.closed) await once(this.#socket, 'close');
  }

  cut(): void {
    this.#socket.destroy();
  }

  #take(): RawAnswer | null {
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return null;
    const [line = '', ...fields] = this.#received.slice(0, headEnd).split('\r\n');
    const headers = new Map(
      fields.map((field) => {
        const colon = field.indexOf(':');
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const;
      }),
    );
    const end = headEnd + HEAD_END.length + Number(headers.get('content-length') ?? 0);
    if (this.#received.length < end) return null;
    const body = this.#received.slice(headEnd + HEAD_END.length, end);
    this.#received = this.#received.slice(end);
    return { status: Number(line.split(' ')[1]), headers, body };
  }
}

/** One request on a connection of its own. */
export async function rawRequest(port: number, bytes: string | Buffer): Promise<RawAnswer> {
  const connection = await RawConnection.open(port);
  try {
    connection.send(bytes);
    return await connection.answer();
  } finally {
    connection.cut();
  }
}
