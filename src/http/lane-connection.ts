import type { Socket } from 'node:net';
import type { TextAnswer } from './answer.ts';
import type { BoundRoute } from './bound-route.ts';
import { CLOSES, textOf } from './lane-answer.ts';
import { LaneRequest } from './lane-request.ts';
import { type HeadRead, type PlainHead, readPlainHead } from './plain-head.ts';

export interface LaneOptions {
  /** By path: what the lane takes. */
  readonly routes: ReadonlyMap<string, BoundRoute>;
  /** Never rejects: a refusal is an answer, too. */
  readonly serve: (bound: BoundRoute, request: LaneRequest) => Promise<TextAnswer>;
  readonly nextRequestId: () => string;
  readonly limits: LaneLimits;
}

export interface LaneLimits {
  readonly headerBytesMax: number;
  /** A longer body is Node's to read. */
  readonly laneBodyBytesMax: number;
  /** What has not arrived whole after this is Node's to wait for, ms. */
  readonly laneWaitMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly connectionTimeoutMs: number;
  readonly requestsPerSocketMax: number;
}

export interface LaneConnectionOptions extends LaneOptions {
  /** Said of the connection in each answer but the last. */
  readonly keeps: string;
  readonly onLeave: (connection: LaneConnection) => void;
  /** Gives the socket to Node's server. */
  readonly handOver: (socket: Socket) => void;
}

interface WholeRequest {
  readonly bound: BoundRoute;
  readonly head: PlainHead;
}

type LaneRead = WholeRequest | Extract<HeadRead, string>;

/** One socket in the lane. It has one request at a time; a second one before the answer to the first is pipelining. */
export class LaneConnection {
  readonly #socket: Socket;
  readonly #options: LaneConnectionOptions;
  /** Read, and not yet a whole request; while one is being answered, what came behind it. */
  #unread: Buffer | null = null;
  #request: LaneRequest | null = null;
  #served = 0;
  /** Since when this is waiting for the client or for the answer, ms, monotonic. */
  #since = performance.now();
  #finishing = false;

  constructor(socket: Socket, options: LaneConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  /** Between two requests it ends at once, otherwise after the answer. */
  finish(): void {
    this.#finishing = true;
    if (this.#request) return;
    if (this.#unread) this.#leave(this.#unread);
    else this.#socket.destroySoon();
  }

  cut(): void {
    this.#socket.destroy();
  }

  /** Called every now and then: who lets this wait is Node's to wait for, or gone. */
  look(now: number): void {
    const { laneWaitMs, keepAliveTimeoutMs, connectionTimeoutMs } = this.#options.limits;
    const waitedMs = now - this.#since;
    if (this.#request) {
      if (waitedMs >= connectionTimeoutMs) this.cut();
    } else if (this.#unread || this.#served === 0) {
      if (waitedMs >= laneWaitMs) this.#leave(this.#unread);
    } else if (waitedMs >= keepAliveTimeoutMs) {
      this.cut();
    }
  }

  readonly #onData = (chunk: Buffer): void => {
    const bytes = this.#unread ? Buffer.concat([this.#unread, chunk]) : chunk;
    if (this.#request) {
      this.#unread = bytes;
      this.#socket.pause();
      return;
    }
    const read = this.#read(bytes);
    if (read === 'partial') this.#keep(bytes);
    else if (read === 'other') this.#leave(bytes);
    else void this.#serve(read, bytes);
  };

  /** The request in these bytes, if they hold one of the lane's and nothing else. */
  #read(bytes: Buffer): LaneRead {
    const { limits, routes } = this.#options;
    const head = readPlainHead(bytes, limits.headerBytesMax);
    if (typeof head === 'string') return head;
    const bound = routes.get(head.path);
    const end = head.bytes + head.bodyBytes;
    if (!bound || head.bodyBytes > limits.laneBodyBytesMax || bytes.length > end) return 'other';
    return bytes.length < end ? 'partial' : { bound, head };
  }

  #keep(bytes: Buffer): void {
    if (!this.#unread) this.#since = performance.now();
    this.#unread = bytes;
  }

  async #serve({ bound, head }: WholeRequest, bytes: Buffer): Promise<void> {
    const request = new LaneRequest(head, bytes.subarray(head.bytes), this.#options.nextRequestId());
    this.#unread = null;
    this.#request = request;
    this.#served += 1;
    this.#since = request.startedAt;
    const answer = await this.#options.serve(bound, request);
    this.#request = null;
    if (!this.#socket.writable) return;
    const ends = this.#finishing || this.#served >= this.#options.limits.requestsPerSocketMax;
    const taken = this.#socket.write(textOf(answer, request.requestId, ends ? CLOSES : this.#options.keeps));
    if (ends) this.#socket.destroySoon();
    // Pipelining, and a client that reads no answers, are Node's.
    else if (this.#unread || !taken) this.#leave(this.#unread);
    else this.#since = performance.now();
  }

  /** Hands the socket over, with what has been read of it. */
  #leave(unread: Buffer | null): void {
    const socket = this.#socket;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    this.#options.onLeave(this);
    socket.pause();
    if (unread) socket.unshift(unread);
    this.#options.handOver(socket);
    socket.resume();
  }

  /** The client has said its last; as with Node's server, what is not answered by now is not answered. */
  readonly #onEnd = (): void => {
    this.#socket.destroySoon();
  };

  readonly #onError = (): void => {
    this.cut();
  };

  readonly #onClose = (): void => {
    this.#options.onLeave(this);
    this.#request?.abort();
  };
}
