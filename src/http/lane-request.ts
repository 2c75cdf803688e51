import { performance } from 'node:perf_hooks';
import { ANYONE, type Principal } from './auth.ts';
import type { PlainHead } from './plain-head.ts';
import type { PathParams, RouteRequest } from './routes/route.ts';

const NO_PARAMS: PathParams = Object.freeze({});

/** A request that came by the lane: its path is a declared one without parameters, and it has no query. */
export class LaneRequest implements RouteRequest {
  readonly params = NO_PARAMS;
  readonly hasQuery = false;
  readonly headers: RouteRequest['headers'];
  readonly body: Buffer;
  readonly requestId: string;
  /** Monotonic, ms. */
  readonly startedAt = performance.now();
  principal: Principal = ANYONE;
  /** Made when somebody asks: few do. */
  #controller: AbortController | null = null;

  constructor(head: PlainHead, body: Buffer, requestId: string) {
    this.headers = head.headers;
    this.body = body;
    this.requestId = requestId;
  }

  get query(): URLSearchParams {
    return new URLSearchParams();
  }

  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** The client has gone away. */
  abort(): void {
    this.#gone.abort();
  }

  get #gone(): AbortController {
    this.#controller ??= new AbortController();
    return this.#controller;
  }
}
