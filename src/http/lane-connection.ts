import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { TextAnswer } from './answer.ts';
import type { BodyMemory } from './body-memory.ts';
import type { BoundRoute } from './bound-route.ts';
import { LaneRequest } from './lane-request.ts';
import { CLOSES, textOf } from './plain-answer.ts';
import { type HeadRead, HeadReader, type PlainHead } from './plain-head.ts';

export interface LaneOptions {
  /** By path: what the lane takes. */
  readonly routes: ReadonlyMap<string, BoundRoute>;
  /** Calls back once, perhaps before it returns, with an answer whatever happens: a refusal is one, too. */
  readonly serve: (bound: BoundRoute, request: LaneRequest, answered: Answered) => void;
  readonly nextRequestId: () => string;
  readonly limits: LaneLimits;
}

/** Takes the answer, and when it was there: ms, monotonic. */
export type Answered = (answer: TextAnswer, atMs: number) => void;

export interface LaneLimits {
  readonly headerBytesMax: number;
  /** What has not arrived whole after this is Node's to wait for, ms. */
  readonly laneWaitMs: number;
  readonly laneLentBytesMax: number;
  readonly laneKeptBytesMax: number;
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
  readonly memory: BodyMemory;
}

/** A request of the lane whose head has arrived. */
interface Begun {
  readonly bound: BoundRoute;
  readonly head: PlainHead;
}

/** One whose body comes in more than one piece. */
interface Gathering extends Begun {
  /** As it came. */
  readonly headBytes: Buffer;
  readonly memory: Buffer;
  bodyBytes: number;
}

type LaneRead = Begun | Extract<HeadRead, string>;

const NONE = Buffer.alloc(0);

/** One socket in the lane. It has one request at a time; a second one before the answer to the first is pipelining. */
export class LaneConnection {
  readonly #socket: Socket;
  readonly #options: LaneConnectionOptions;
  readonly #heads = new HeadReader();
  /** Read, and not yet a whole request; while one is being answered, what came behind it. */
  #unread: Buffer | null = null;
  #gathering: Gathering | null = null;
  #request: LaneRequest | null = null;
  /** Where the body of the request in hand lies, when that is lent. */
  #lent: Buffer | null = null;
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
    if (this.#isBegun) this.#leave();
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
    } else if (this.#isBegun || this.#served === 0) {
      if (waitedMs >= laneWaitMs) this.#leave();
    } else if (waitedMs >= keepAliveTimeoutMs) {
      this.cut();
    }
  }

  /** A part of a request is here. */
  get #isBegun(): boolean {
    return this.#unread !== null || this.#gathering !== null;
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#gathering) {
      this.#gather(this.#gathering, chunk);
      return;
    }
    const bytes = this.#unread ? Buffer.concat([this.#unread, chunk]) : chunk;
    if (this.#request) {
      this.#unread = bytes;
      this.#socket.pause();
      return;
    }
    const read = this.#read(bytes);
    const isFirst = !this.#isBegun;
    this.#unread = bytes;
    if (read === 'other') this.#leave();
    else if (read !== 'partial') this.#begin(read, bytes);
    if (isFirst && this.#isBegun) this.#since = performance.now();
  };

  /** The request that begins in these bytes, if it is one of the lane's and nothing comes behind it. */
  #read(bytes: Buffer): LaneRead {
    const { limits, routes } = this.#options;
    const head = this.#heads.read(bytes, limits.headerBytesMax);
    if (typeof head === 'string') return head;
    const bound = routes.get(head.path);
    const isOurs = bound && head.bodyBytes <= bound.route.bodyBytesMax && bytes.length <= head.bytes + head.bodyBytes;
    return isOurs ? { bound, head } : 'other';
  }

  #begin({ bound, head }: Begun, bytes: Buffer): void {
    const body = bytes.subarray(head.bytes);
    if (body.length === head.bodyBytes) {
      this.#unread = null;
      this.#serve({ bound, head }, body);
      return;
    }
    const memory = this.#options.memory.take(head.bodyBytes);
    if (!memory) {
      this.#leave();
      return;
    }
    this.#unread = null;
    const bodyBytes = body.copy(memory);
    this.#gathering = { bound, head, headBytes: Buffer.from(bytes.subarray(0, head.bytes)), memory, bodyBytes };
  }

  #gather(gathering: Gathering, chunk: Buffer): void {
    const { head, memory } = gathering;
    const missing = head.bodyBytes - gathering.bodyBytes;
    gathering.bodyBytes += chunk.copy(memory, gathering.bodyBytes, 0, missing);
    if (chunk.length > missing) this.#leave(chunk.subarray(missing));
    else if (chunk.length === missing) this.#serveGathered(gathering);
  }

  #serveGathered(gathering: Gathering): void {
    this.#gathering = null;
    this.#lent = gathering.memory;
    this.#serve(gathering, gathering.memory.subarray(0, gathering.bodyBytes));
  }

  #serve({ bound, head }: Begun, body: Buffer): void {
    const request = new LaneRequest(head, body, this.#options.nextRequestId());
    this.#request = request;
    this.#served += 1;
    this.#since = request.startedAt;
    this.#options.serve(bound, request, this.#onAnswer);
  }

  readonly #onAnswer: Answered = (answer, atMs) => {
    const request = this.#request as LaneRequest;
    this.#request = null;
    if (this.#lent) this.#options.memory.giveBack(this.#lent);
    this.#lent = null;
    if (!this.#socket.writable) return;
    const ends = this.#finishing || this.#served >= this.#options.limits.requestsPerSocketMax;
    const { text, encoding } = textOf(answer, request.requestId, ends ? CLOSES : this.#options.keeps);
    const taken = this.#socket.write(text, encoding);
    if (ends) this.#socket.destroySoon();
    // Pipelining, and a client that reads no answers, are Node's.
    else if (this.#unread || !taken) this.#leave();
    else this.#since = atMs;
  };

  /** Hands the socket over, with what has been read of it and is not answered. @param behind what comes behind that */
  #leave(behind: Buffer = NONE): void {
    const socket = this.#socket;
    const unread = this.#takeUnread(behind);
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    this.#options.onLeave(this);
    socket.pause();
    if (unread.length > 0) socket.unshift(unread);
    this.#options.handOver(socket);
    socket.resume();
  }

  /** What has been read and is not answered, as it came. */
  #takeUnread(behind: Buffer): Buffer {
    const gathering = this.#gathering;
    if (!gathering) return this.#unread ?? NONE;
    const { headBytes, memory, bodyBytes } = gathering;
    const unread = Buffer.concat([headBytes, memory.subarray(0, bodyBytes), behind]);
    this.#forget();
    return unread;
  }

  /** Gives up what is being gathered. */
  #forget(): void {
    if (this.#gathering) this.#options.memory.giveBack(this.#gathering.memory);
    this.#gathering = null;
  }

  /** The client has said its last; as with Node's server, what is not answered by now is not answered. */
  readonly #onEnd = (): void => {
    this.#socket.destroySoon();
  };

  readonly #onError = (): void => {
    this.cut();
  };

  readonly #onClose = (): void => {
    this.#forget();
    this.#options.onLeave(this);
    this.#request?.abort();
  };
}
