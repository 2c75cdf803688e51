import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface WireAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

const HEAD_END = Buffer.from('\r\n\r\n');
/** No request of the generator may take longer: what the server has not answered by then it never will. */
const SILENCE_MS = 60_000;

/** A kept connection that sends any bytes and reads answers of either framing. */
export class Wire {
  readonly #port: number;
  #socket: Socket | null = null;
  #received: Buffer = Buffer.alloc(0);
  #closed = true;
  #wake: () => void = () => {};

  constructor(port: number) {
    this.#port = port;
  }

  /** The answer to one whole request; null when the server closes without one. @throws Error after a long silence */
  async ask(bytes: Buffer, head: boolean): Promise<WireAnswer | null> {
    const socket = await this.#open();
    socket.write(bytes);
    for (;;) {
      const answer = this.#take(head);
      if (answer && answer.status >= 200) {
        if (answer.headers.get('connection') === 'close') this.cut();
        return answer;
      }
      if (answer) continue;
      if (this.#closed) return null;
      await this.#more(socket);
    }
  }

  /** Everything that the server says to bytes after which nothing comes any more. */
  async shout(bytes: Buffer): Promise<string> {
    this.cut();
    const socket = await this.#open();
    socket.end(bytes);
    while (!this.#closed) await this.#more(socket);
    return this.#received.toString('latin1');
  }

  cut(): void {
    this.#socket?.destroy();
    this.#socket = null;
    this.#closed = true;
  }

  async #open(): Promise<Socket> {
    if (this.#socket && !this.#closed) return this.#socket;
    const socket = connect(this.#port, '127.0.0.1');
    this.#received = Buffer.alloc(0);
    this.#socket = socket;
    this.#closed = false;
    // What belonged to a connection before says nothing about this one.
    const current = () => this.#socket === socket;
    socket.on('data', (chunk: Buffer) => {
      if (!current()) return;
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (!current()) return;
      this.#closed = true;
      this.#wake();
    });
    await once(socket, 'connect');
    return socket;
  }

  async #more(socket: Socket): Promise<void> {
    const woken = Promise.withResolvers<void>();
    this.#wake = woken.resolve;
    const onSilence = () => woken.reject(new Error(`no answer for ${SILENCE_MS} ms`));
    socket.setTimeout(SILENCE_MS, onSilence);
    try {
      await woken.promise;
    } finally {
      socket.setTimeout(0);
      socket.off('timeout', onSilence);
    }
  }

  #take(head: boolean): WireAnswer | null {
    const end = this.#received.indexOf(HEAD_END);
    if (end < 0) return null;
    const [line = '', ...fields] = this.#received.toString('latin1', 0, end).split('\r\n');
    const headers = new Map(
      fields.map((field) => {
        const colon = field.indexOf(':');
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const;
      }),
    );
    const status = Number(line.split(' ')[1]);
    const body = this.#body(end + HEAD_END.length, {
      bare: head || status < 200 || status === 204 || status === 304,
      headers,
    });
    if (!body) return null;
    this.#received = this.#received.subarray(body.end);
    return { status, headers, body: body.bytes };
  }

  #body(from: number, { bare, headers }: { bare: boolean; headers: ReadonlyMap<string, string> }): Part | null {
    if (bare) return { bytes: Buffer.alloc(0), end: from };
    if (headers.get('transfer-encoding') === 'chunked') return this.#chunks(from);
    const end = from + Number(headers.get('content-length') ?? 0);
    return this.#received.length < end ? null : { bytes: this.#received.subarray(from, end), end };
  }

  #chunks(from: number): Part | null {
    const parts: Buffer[] = [];
    for (let at = from; ; ) {
      const line = this.#received.indexOf('\r\n', at);
      if (line < 0) return null;
      const size = Number.parseInt(this.#received.toString('latin1', at, line), 16);
      const end = line + 2 + size;
      if (this.#received.length < end + 2) return null;
      parts.push(this.#received.subarray(line + 2, end));
      at = end + 2;
      if (size === 0) return { bytes: Buffer.concat(parts), end: at };
    }
  }
}

interface Part {
  readonly bytes: Buffer;
  readonly end: number;
}
