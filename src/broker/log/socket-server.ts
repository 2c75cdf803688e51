import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { AzudError, isAzudError, messageOf } from '../../error/azud-error.ts';
import type { Clock } from '../../lib/clock.ts';
import type { BrokerDriver, Progress } from '../driver.ts';
import type { DurableEnd } from './durable-end.ts';
import type { Place } from './folder.ts';
import {
  decodeMessages,
  encodeBacklog,
  encodeError,
  encodeResults,
  FRAME,
  type Frame,
  FrameConnection,
  fromJson,
  toJson,
} from './socket-frames.ts';
import { chooseSocketPath, removeSocket } from './socket-path.ts';
import type { Course } from './terms.ts';

/** What the server asks of the owner's log. */
export interface LogService extends Pick<BrokerDriver, 'publish' | 'backlog' | 'release'> {
  places(transactionId: string): Promise<readonly Place[]>;
  markAcked(offset: number): void;
}

export interface LogServerOptions {
  readonly folder: string;
  readonly course: Course;
  readonly end: DurableEnd;
  readonly clock: Clock;
  readonly service: LogService;
}

/** Clients are told of the end this often at most: a message costs both processes more than 20 ms cost a reader who has much to read. */
const PUSH_EVERY_MS = 20;

/** Serves the log to other processes of the host: they read its files themselves, and ask here for all else. */
export class LogServer {
  readonly #options: LogServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #closing = new AbortController();

  constructor(options: LogServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async open(): Promise<void> {
    const path = await chooseSocketPath(this.#options.folder);
    this.#server.listen(path);
    await once(this.#server, 'listening');
    await chmod(path, 0o600);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await removeSocket(this.#options.folder);
  }

  #serve(socket: Socket): void {
    const { end, course } = this.#options;
    const connection = new FrameConnection(socket, (frame) => void this.#answer(connection, frame));
    const stop = this.#follow(connection);
    this.#sockets.add(socket);
    // A client that dies is no concern of the owner's: `close` follows every error.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      stop();
      this.#sockets.delete(socket);
    });
    connection.send(FRAME.hello, 0, toJson({ course, end: end.current }));
  }

  /** Pushes a move of the end at once, and many that follow as one; what a slow client missed the next push holds too. */
  #follow(connection: FrameConnection): () => void {
    const { end, clock } = this.#options;
    const { signal } = this.#closing;
    let pushing = false;
    let moved = false;
    const push = async () => {
      moved = true;
      if (pushing) return;
      pushing = true;
      while (moved && !connection.closed && !signal.aborted) {
        if (connection.writable) {
          moved = false;
          connection.send(FRAME.end, 0, toJson(end.current));
        }
        await clock.sleep(PUSH_EVERY_MS, signal);
      }
      pushing = false;
    };
    return end.watch(() => void push());
  }

  async #answer(connection: FrameConnection, { kind, id, body }: Frame): Promise<void> {
    try {
      const result = await this.#perform(kind, body);
      if (!result || connection.closed) return;
      // A client that was told of a position must be able to read there.
      connection.send(FRAME.end, 0, toJson(this.#options.end.current));
      connection.send(FRAME.result, id, result);
    } catch (error) {
      const known = isAzudError(error) ? error : new AzudError('internal', messageOf(error));
      if (!connection.closed) connection.send(FRAME.error, id, toJson(encodeError(known)));
    }
  }

  /** The body of the answer, or null where none is given. */
  async #perform(kind: number, body: Buffer): Promise<Buffer | null> {
    const { service } = this.#options;
    switch (kind) {
      case FRAME.publish:
        return encodeResults(await service.publish(decodeMessages(body)));
      case FRAME.backlog:
        return encodeBacklog(await service.backlog(fromJson<Progress>(body)));
      case FRAME.find:
        return toJson(await service.places(fromJson<string>(body)));
      case FRAME.release:
        await service.release(fromJson<Progress>(body));
        return toJson(null);
      case FRAME.ack:
        service.markAcked(fromJson<number>(body));
        return null;
      default:
        throw new AzudError('internal', `a client sent a frame of kind ${kind}`);
    }
  }
}
