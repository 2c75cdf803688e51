import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { AzudError, messageOf } from '../error/azud-error.ts';
import { HTTP_LIMITS, INTAKE_LIMITS, QUERY_LIMITS } from '../limits.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { isText, type TextAnswer } from './answer.ts';
import { type Authenticator, authorize } from './auth.ts';
import { type Arrivals, readBody } from './body.ts';
import type { BoundRoute } from './bound-route.ts';
import { checkUrl, Exchange, pathOf } from './exchange.ts';
import { type Forwarder, forwardedPrincipal, REQUEST_ID_HEADER } from './forward.ts';
import { Gate } from './gate.ts';
import { Lane } from './lane.ts';
import type { Answered } from './lane-connection.ts';
import type { LaneRequest } from './lane-request.ts';
import { asAzudError, isUnexpected, problemAnswer } from './problem.ts';
import { RejectionCounter, RouteTimer } from './request-metrics.ts';
import type { Rooms } from './rooms.ts';
import { Router } from './router.ts';
import type { Route, RouteRequest, RouteScope } from './routes/route.ts';
import { sendAnswer, sendRefusal } from './sending.ts';
import { guardSockets } from './sockets.ts';

export interface HttpServerOptions {
  readonly routes: readonly Route[];
  readonly rooms: Rooms;
  /** Takes the routes of rooms that live in another process. */
  readonly forwarder: Forwarder | null;
  /** Null on the socket between Azud's own processes: there the front door says who asks. */
  readonly authenticator: Authenticator | null;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly limits?: HttpLimits;
}

export type HttpLimits = { readonly [Name in keyof typeof HTTP_LIMITS]: number };

/** A TCP address, or the path of a Unix socket. */
export type ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * The HTTP door. Everything about a request happens here, in one straight line, the same for every route: checks,
 * authentication, body, handler, answer, measures. POSTs to a declared intake path are the hot path: they are found by one
 * look-up and never see the router, and in their plain spelling they never see Node's server either (lane.ts).
 */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #limits: HttpLimits;
  readonly #server: Server;
  readonly #intake = new Map<string, BoundRoute>();
  readonly #lane: Lane | null;
  readonly #rejections: RejectionCounter;
  readonly #unrouted: RouteTimer;
  readonly #requestPrefix = randomBytes(6).toString('base64url');
  readonly #router: Router;
  readonly #arrivals: Arrivals;
  readonly #gate = new Gate(QUERY_LIMITS);
  #requestCount = 0;
  #active = 0;
  #draining = false;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#limits = options.limits ?? HTTP_LIMITS;
    this.#arrivals = { bytes: 0, bytesMax: this.#limits.arrivingBytesMax };
    this.#rejections = new RejectionCounter(options.metrics);
    this.#unrouted = new RouteTimer(options.metrics, '_OTHER', 'none');
    const bound = this.#options.routes.map((route) => this.#bind(route));
    for (const each of bound) {
      if (each.route.method === 'POST' && each.route.tag === 'intake' && !each.route.path.includes('{')) {
        this.#intake.set(each.route.path, each);
      }
    }
    this.#router = new Router(bound, {
      serve: (each, exchange) => void this.#serve(each, exchange),
      refuse: (error, exchange) => void this.#refuse(error, exchange, this.#unrouted),
    });
    this.#server = this.#createServer();
    this.#lane = this.#intake.size > 0 && options.authenticator ? this.#createLane() : null;
  }

  /** Requests being answered now. */
  get active(): number {
    return this.#active;
  }

  /** @returns the port, or 0 for a Unix socket. @throws Error of the system: EADDRINUSE, EACCES … */
  async listen(address: ListenAddress): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ ...address, backlog: 1_024 }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const listening = this.#server.address() as AddressInfo | string | null;
    return listening !== null && typeof listening === 'object' ? listening.port : 0;
  }

  /** Takes no new request, lets those in flight finish, and cuts what is left after `timeoutMs`. */
  async close(timeoutMs: number = this.#limits.drainTimeoutMs): Promise<void> {
    this.#draining = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#lane?.close();
    this.#server.closeIdleConnections();
    const cut = setTimeout(() => {
      this.#lane?.cut();
      this.#server.closeAllConnections();
    }, timeoutMs);
    await closed;
    clearTimeout(cut);
  }

  #createServer(): Server {
    const limits = this.#limits;
    const server = createServer(
      {
        headersTimeout: limits.headersTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        keepAliveTimeout: limits.keepAliveTimeoutMs,
        connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs / 4),
        maxHeaderSize: limits.headerBytesMax,
        insecureHTTPParser: false,
        requireHostHeader: false,
        noDelay: true,
      },
      (incoming, outgoing) => this.#accept(incoming, outgoing),
    );
    server.timeout = limits.connectionTimeoutMs;
    server.maxHeadersCount = limits.headersMax;
    server.maxRequestsPerSocket = limits.requestsPerSocketMax;
    server.on('checkContinue', (incoming, outgoing) => {
      // A body that will be refused for its size is not asked for.
      if (!(Number(incoming.headers['content-length']) > INTAKE_LIMITS.bodyBytesMax)) outgoing.writeContinue();
      this.#accept(incoming, outgoing);
    });
    server.on('checkExpectation', (incoming, outgoing) => {
      const error = new AzudError('expectation-failed', `cannot meet Expect: ${incoming.headers.expect}`);
      void this.#refuse(error, this.#exchange(incoming, outgoing), this.#unrouted);
    });
    guardSockets(server, { limits, nextRequestId: () => this.#nextRequestId(), rejections: this.#rejections });
    return server;
  }

  #createLane(): Lane {
    return new Lane(this.#server, {
      routes: this.#intake,
      serve: (bound, request, answered) => void this.#serveInLane(bound, request, answered),
      nextRequestId: () => this.#nextRequestId(),
      limits: this.#limits,
    });
  }

  #bind(route: Route): BoundRoute {
    return {
      route,
      timer: new RouteTimer(this.#options.metrics, route.method, route.template ?? route.path),
      gated: route.home === 'query' && route.streamed,
      forwarded: route.home === 'query' && this.#options.forwarder !== null,
    };
  }

  #accept(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const exchange = this.#exchange(incoming, outgoing);
    const refusal = this.#draining ? draining() : misfit(incoming, this.#limits);
    if (refusal) {
      outgoing.shouldKeepAlive = false;
      void this.#refuse(refusal, exchange, this.#unrouted);
      return;
    }
    const bound = incoming.method === 'POST' ? this.#intake.get(pathOf(exchange.url)) : undefined;
    if (bound) void this.#serve(bound, exchange);
    else this.#router.route(exchange);
  }

  async #serve(bound: BoundRoute, exchange: Exchange): Promise<void> {
    const { route, timer } = bound;
    this.#active += 1;
    try {
      exchange.principal = this.#authenticated(route, exchange);
      if (bound.forwarded && this.#options.forwarder) {
        const path = await route.forwardedTo?.(exchange, this.#options.rooms);
        await this.#options.forwarder.forward(exchange, path ?? exchange.url);
      } else {
        if (route.bodyBytesMax > 0)
          exchange.body = await readBody(exchange.incoming, route.bodyBytesMax, this.#arrivals);
        if (bound.gated) await this.#answerInTurn(route, exchange);
        else await this.#answer(route, exchange);
      }
      timer.observe(exchange.outgoing.statusCode, performance.now() - exchange.startedAt);
    } catch (error) {
      await this.#refuse(error, exchange, timer);
    } finally {
      this.#active -= 1;
    }
  }

  /** As `#serve`, for a request that has arrived whole and whose answer is a text. */
  async #serveInLane({ route, timer }: BoundRoute, request: LaneRequest, answered: Answered): Promise<void> {
    this.#active += 1;
    let answer: TextAnswer;
    try {
      request.principal = this.#authenticated(route, request);
      const given = await route.handler(request, this.#options.rooms);
      if (!isText(given)) throw new TypeError(`${route.id} answers with a stream`);
      answer = given;
    } catch (thrown) {
      answer = problemAnswer(this.#noted(thrown, request.requestId), request.requestId);
    }
    this.#active -= 1;
    const now = performance.now();
    timer.observe(answer.status, now - request.startedAt);
    answered(answer, now);
  }

  /** A heavy read, from its place in the token's own queue. */
  async #answerInTurn(route: Route, exchange: Exchange): Promise<void> {
    const leave = await this.#gate.enter(exchange.principal.name);
    try {
      await this.#answer(route, exchange);
    } finally {
      leave();
    }
  }

  async #answer(route: Route, exchange: Exchange): Promise<void> {
    const answer = await route.handler(exchange, this.#options.rooms);
    if (this.#draining) exchange.outgoing.shouldKeepAlive = false;
    await sendAnswer(exchange, answer);
  }

  #authenticated(route: Route, request: RouteRequest): RouteRequest['principal'] {
    if (route.scope === 'public') return request.principal;
    const { authenticator } = this.#options;
    const principal = authenticator
      ? authenticator.authenticate(request.headers.authorization)
      : forwardedPrincipal(request);
    authorize(principal, requiredScope(route.scope, request.params));
    return principal;
  }

  async #refuse(thrown: unknown, exchange: Exchange, timer: RouteTimer): Promise<void> {
    const { incoming, outgoing, requestId } = exchange;
    // A client that went away is nobody's fault, and there is nobody to tell.
    if (outgoing.destroyed || incoming.errored) return void outgoing.destroy();
    const error = this.#noted(thrown, requestId);
    if (outgoing.headersSent) return void outgoing.destroy();
    timer.observe(error.entry.status, performance.now() - exchange.startedAt);
    try {
      if (this.#draining) outgoing.shouldKeepAlive = false;
      await sendRefusal(exchange, problemAnswer(error, requestId));
    } catch (failure) {
      this.#options.log.warn('a problem could not be answered', { request_id: requestId, reason: messageOf(failure) });
      outgoing.destroy();
    }
  }

  /** What was thrown as an error that can be answered, counted. */
  #noted(thrown: unknown, requestId: string): AzudError {
    const error = asAzudError(thrown);
    if (isUnexpected(error)) this.#options.log.error('a request failed', { request_id: requestId, error: error.cause });
    this.#rejections.count(error.code);
    return error;
  }

  #exchange(incoming: IncomingMessage, outgoing: ServerResponse): Exchange {
    const given = this.#options.authenticator ? undefined : incoming.headers[REQUEST_ID_HEADER];
    return new Exchange(incoming, outgoing, typeof given === 'string' ? given : this.#nextRequestId());
  }

  #nextRequestId(): string {
    this.#requestCount += 1;
    return `${this.#requestPrefix}-${this.#requestCount.toString(36)}`;
  }
}

function draining(): AzudError {
  return new AzudError('draining', 'this process finishes its last requests and stops');
}

/** What is wrong with the request's outside, if anything. Node truncates headers above its bound without a word. */
function misfit(
  { rawHeaders, headers, httpVersion, url = '/' }: IncomingMessage,
  limits: HttpLimits,
): AzudError | null {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    return new AzudError('bad-request', `the request is of HTTP/${httpVersion}; HTTP/1.1 is spoken here`);
  }
  // What does not end with chunked the parser refuses itself; of `gzip, chunked` it would leave the gzip to nobody.
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && (/,\s*chunked$/i.test(coding) || httpVersion !== '1.1')) {
    return new AzudError('bad-request', `the transfer encoding ${coding.slice(0, 80)} is not taken`);
  }
  if (rawHeaders.length >= limits.headersMax * 2) {
    return new AzudError('headers-too-large', `the request has more than ${limits.headersMax - 1} headers`);
  }
  let hosts = 0;
  let types = 0;
  let credentials = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const { length } = rawHeaders[at] as string;
    if (length !== 4 && length !== 12 && length !== 13) continue;
    const name = (rawHeaders[at] as string).toLowerCase();
    if (name === 'host') hosts += 1;
    else if (name === 'content-type') types += 1;
    else if (name === 'authorization') credentials += 1;
  }
  // Node takes the first of them, others on the way may take the last.
  if (types > 1 || credentials > 1) {
    const name = types > 1 ? 'Content-Type' : 'Authorization';
    return new AzudError('invalid-header', `the request has more than one ${name} header`);
  }
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) {
    return new AzudError('invalid-header', `the request has ${hosts} Host headers; it needs one`);
  }
  try {
    checkUrl(url);
    return null;
  } catch (error) {
    return asAzudError(error);
  }
}

function requiredScope(scope: RouteScope, params: Exchange['params']): ReturnType<Extract<RouteScope, object>['of']> {
  return typeof scope === 'string' ? scope : scope.of(params);
}
