import { Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { AzudError } from '../error/azud-error.ts';
import { HTTP_LIMITS } from '../limits.ts';
import type { Principal } from './auth.ts';
import type { Exchange } from './exchange.ts';

/** How the front door tells analytics who asks. Set there, never taken from a client. */
export const PRINCIPAL_HEADER = 'x-azud-principal';
export const REQUEST_ID_HEADER = 'x-azud-request-id';
/** Answered by every live process at once: what tells a slow query from a hung process. */
export const PING_PATH = '/internal/ping';

export interface ForwarderOptions {
  readonly socketPath: string;
  readonly limits?: ForwarderLimits;
}

interface ForwarderLimits {
  readonly forwardTimeoutMs: number;
  readonly pingAfterMs: number;
  readonly pingTimeoutMs: number;
}

/** Meant for one connection, not for the next hop (RFC 9110, 7.6.1), or ours to set. */
const DROPPED: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'authorization',
  'cookie',
  PRINCIPAL_HEADER,
  REQUEST_ID_HEADER,
]);

/** Carries requests over a Unix socket to the process that owns the store, streaming both ways. */
export class Forwarder {
  readonly #socketPath: string;
  readonly #agent: Agent;
  readonly #limits: ForwarderLimits;
  #pinging: Promise<boolean> | null = null;

  constructor({ socketPath, limits = HTTP_LIMITS }: ForwarderOptions) {
    this.#socketPath = socketPath;
    this.#limits = limits;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 32, scheduling: 'lifo' });
  }

  /** Writes the answer of the other process, asked as it came or at another path. @throws AzudError `unavailable` when it is down, hung, or dies before its answer begins */
  async forward(exchange: Exchange, path: string = exchange.url): Promise<void> {
    const { incoming, outgoing } = exchange;
    const answer = await this.#ask(
      {
        method: incoming.method ?? 'GET',
        path,
        headers: { ...kept(incoming.headers), ...proof(exchange) },
        body: hasBody(incoming) ? incoming : null,
      },
      exchange.signal,
    );
    outgoing.writeHead(answer.statusCode ?? 502, kept(answer.headers));
    await pipeline(answer, outgoing);
  }

  /** A small answer of one of the internal paths, whole. @throws AzudError `unavailable` */
  async fetch(path: string, { principal, signal }: { principal: Principal; signal: AbortSignal }): Promise<Fetched> {
    const headers = { [PRINCIPAL_HEADER]: encodePrincipal(principal) };
    const answer = await this.#ask({ method: 'GET', path, headers, body: null }, signal);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of answer) chunks.push(chunk);
    } catch (error) {
      throw unavailable('stopped in the middle of its answer', error);
    }
    return { status: answer.statusCode ?? 0, body: Buffer.concat(chunks) };
  }

  close(): void {
    this.#agent.destroy();
  }

  async #ask(outline: Outline, signal: AbortSignal): Promise<IncomingMessage> {
    for (let attempt = 0; ; attempt += 1) {
      const call = this.#call(outline, signal);
      try {
        return await this.#answer(call, signal);
      } catch (error) {
        call.destroy();
        // A kept connection that the other side has just closed says nothing about its health.
        if (attempt > 0 || !call.reusedSocket || outline.body || !isReset(error)) throw error;
      }
    }
  }

  #call({ method, path, headers, body }: Outline, signal: AbortSignal): ClientRequest {
    const call = request({ socketPath: this.#socketPath, agent: this.#agent, method, path, headers, signal });
    if (body) {
      // `call` reports its own errors; a client that stops sending must not leave it waiting.
      pipeline(body, call).catch(() => call.destroy());
    } else {
      call.end();
    }
    return call;
  }

  /** The head of the answer. While none comes, a ping each `pingAfterMs` tells a slow answer from a hung process. */
  #answer(call: ClientRequest, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + this.#limits.forwardTimeoutMs;
      let timer: NodeJS.Timeout;
      const settle = (action: () => void) => {
        clearTimeout(timer);
        action();
      };
      const check = async () => {
        const alive = performance.now() < deadline && (await this.#ping());
        if (alive) timer = setTimeout(check, this.#limits.pingAfterMs);
        else settle(() => reject(unavailable('does not answer')));
      };
      timer = setTimeout(check, this.#limits.pingAfterMs);
      call.once('response', (answer) => settle(() => resolve(answer)));
      call.once('error', (error) =>
        settle(() => reject(signal.aborted ? error : unavailable('is not running', error))),
      );
    });
  }

  /** Does it live? One question for all who wait. */
  #ping(): Promise<boolean> {
    this.#pinging ??= this.#pingOnce().finally(() => {
      this.#pinging = null;
    });
    return this.#pinging;
  }

  /** On a connection of its own: that a kept one is closed says nothing. */
  #pingOnce(): Promise<boolean> {
    const timeout = this.#limits.pingTimeoutMs;
    return new Promise((resolve) => {
      const call = request({ socketPath: this.#socketPath, path: PING_PATH, agent: false, timeout });
      call.once('response', (answer) => {
        answer.resume();
        resolve(true);
      });
      call.once('timeout', () => call.destroy());
      call.once('close', () => resolve(false));
      call.on('error', () => resolve(false));
      call.end();
    });
  }
}

export interface Fetched {
  readonly status: number;
  readonly body: Buffer;
}

interface Outline {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: IncomingMessage | null;
}

/** The principal as a header value, and back on the other side. */
export function encodePrincipal({ name, scopes }: Principal): string {
  return Buffer.from(JSON.stringify({ name, scopes })).toString('base64url');
}

/** @throws AzudError `unauthorized` when the request did not come through the front door */
export function forwardedPrincipal({ headers }: Pick<IncomingMessage, 'headers'>): Principal {
  const value = headers[PRINCIPAL_HEADER];
  if (typeof value !== 'string') throw new AzudError('unauthorized', 'the request did not come through the front door');
  return JSON.parse(Buffer.from(value, 'base64url').toString()) as Principal;
}

function proof({ principal, requestId }: Exchange): Record<string, string> {
  return { [PRINCIPAL_HEADER]: encodePrincipal(principal), [REQUEST_ID_HEADER]: requestId };
}

function kept(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const result: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !DROPPED.has(name)) result[name] = value;
  }
  return result;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function isReset(error: unknown): boolean {
  const cause = error instanceof AzudError ? error.cause : error;
  return cause instanceof Error && 'code' in cause && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE');
}

function unavailable(what: string, cause?: unknown): AzudError {
  return new AzudError(
    'unavailable',
    `analytics ${what}; what is taken in meanwhile is kept and loaded when it is back`,
    {
      retryAfterSeconds: 1,
      cause,
    },
  );
}
