import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { BodyMemory } from './body-memory.ts';
import { LaneConnection, type LaneConnectionOptions, type LaneOptions } from './lane-connection.ts';
import { keeps } from './plain-answer.ts';

/**
 * The short way of events: a POST in its plain spelling, alone in what a socket has brought, is read and answered here at half of
 * what Node's server costs. Everything else, for whatever reason, is handed to Node's server with its bytes, and so is the rest
 * of that connection: what is unusual, slow, too large or wrong is judged in one place only.
 */
export class Lane {
  readonly #connections = new Set<LaneConnection>();
  readonly #shared: LaneConnectionOptions;
  readonly #sweep: NodeJS.Timeout;
  #closing = false;

  /** Takes the place of the listener by which the server would read its connections; behind all others that it has. */
  constructor(server: Server, options: LaneOptions) {
    const [accept] = server.listeners('connection') as ((socket: Socket) => void)[];
    if (!accept) throw new TypeError("Node's server has no listener for its connections");
    this.#shared = {
      ...options,
      keeps: keeps(options.limits),
      memory: new BodyMemory({
        lentBytesMax: options.limits.laneLentBytesMax,
        keptBytesMax: options.limits.laneKeptBytesMax,
      }),
      onLeave: (left) => this.#connections.delete(left),
      handOver: (socket) => accept.call(server, socket),
    };
    server.off('connection', accept);
    server.on('connection', (socket) => this.#take(socket));
    this.#sweep = setInterval(() => this.#lookAround(), options.limits.laneWaitMs / 2).unref();
  }

  /** No more requests: connections between two of them end, the others after their answer. */
  close(): void {
    this.#closing = true;
    clearInterval(this.#sweep);
    for (const connection of this.#connections) connection.finish();
  }

  /** Ends what is left. */
  cut(): void {
    for (const connection of this.#connections) connection.cut();
  }

  #take(socket: Socket): void {
    // One that was refused already, for there are too many, has had its answer.
    if (this.#closing || socket.writableEnded) this.#shared.handOver(socket);
    else this.#connections.add(new LaneConnection(socket, this.#shared));
  }

  #lookAround(): void {
    const now = performance.now();
    for (const connection of this.#connections) connection.look(now);
  }
}
