import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { AzudError } from '../error/azud-error.ts';
import { HTTP_LIMITS } from '../limits.ts';
import { ANYONE, type Principal } from './auth.ts';
import type { PathParams, RouteRequest } from './routes/route.ts';

const EMPTY = Buffer.alloc(0);

/** One request and its answer. What few handlers need (query, signal) is made when it is asked for. */
export class Exchange implements RouteRequest {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly requestId: string;
  /** Monotonic, ms. */
  readonly startedAt: number;
  params: PathParams = {};
  body: Buffer = EMPTY;
  principal: Principal = ANYONE;
  #query: URLSearchParams | null = null;
  #signal: AbortSignal | null = null;

  constructor(incoming: IncomingMessage, outgoing: ServerResponse, requestId: string) {
    this.incoming = incoming;
    this.outgoing = outgoing;
    this.requestId = requestId;
    this.startedAt = performance.now();
  }

  get headers(): IncomingHttpHeaders {
    return this.incoming.headers;
  }

  /** Path and query as they came. */
  get url(): string {
    return this.incoming.url ?? '/';
  }

  get hasQuery(): boolean {
    return this.url.includes('?');
  }

  get query(): URLSearchParams {
    this.#query ??= parseQuery(this.url);
    return this.#query;
  }

  get signal(): AbortSignal {
    this.#signal ??= closeSignal(this.outgoing);
    return this.#signal;
  }
}

/** The part before `?`. */
export function pathOf(url: string): string {
  const mark = url.indexOf('?');
  return mark < 0 ? url : url.slice(0, mark);
}

/** @throws AzudError `invalid-url` for percent-encoding that is wrong, or hides a control character; `uri-too-long` */
export function checkUrl(url: string): void {
  if (url.length > HTTP_LIMITS.urlBytesMax) {
    throw new AzudError('uri-too-long', `the address is longer than ${HTTP_LIMITS.urlBytesMax} bytes`);
  }
  if (url.includes('%')) checkEncoding(url);
}

function checkEncoding(url: string): void {
  const path = pathOf(url);
  const wrong = (how: string) => new AzudError('invalid-url', `the address ${path.slice(0, 200)} ${how}`);
  const decoded = decode(path);
  if (decoded === null || decode(url.slice(path.length)) === null) throw wrong('is not valid percent-encoding');
  // Control characters in a value of the query are data; in a path they are an attempt.
  if (/\p{Cc}/u.test(decoded)) throw wrong('has control characters');
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** @throws AzudError `uri-too-long` when one part of the path, decoded, is longer than any name or id can be */
export function checkParams(params: PathParams): void {
  for (const [name, value] of Object.entries(params)) {
    if (Buffer.byteLength(value) > HTTP_LIMITS.pathPartBytesMax) {
      throw new AzudError('uri-too-long', `${name} is longer than ${HTTP_LIMITS.pathPartBytesMax} bytes`);
    }
  }
}

function parseQuery(url: string): URLSearchParams {
  const mark = url.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
}

/** Aborts when the connection closes before the answer is whole. */
function closeSignal(outgoing: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const onClose = () => {
    if (!outgoing.writableFinished) controller.abort();
  };
  if (outgoing.destroyed) controller.abort();
  else outgoing.once('close', onClose);
  return controller.signal;
}
