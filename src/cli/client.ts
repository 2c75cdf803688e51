import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { AzudError, messageOf, type RowError } from '../error/azud-error.ts';
import { CATALOGUE, type ErrorCode } from '../error/catalogue.ts';
import type { Clock } from '../lib/clock.ts';
import { usage } from './arguments.ts';
import type { Invocation, World } from './command.ts';

export interface ClientRequest {
  readonly method?: 'GET' | 'POST';
  /** In this order; a name may stand several times. */
  readonly query?: readonly QueryPair[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
}

export type QueryPair = readonly [name: string, value: string | undefined];

const TOKEN_HINT = 'Give a valid token with --token-file, or in AZUD_TOKEN_FILE or AZUD_TOKEN.';
const DEFAULT_URL = 'http://127.0.0.1:8080';

/** Speaks to a running Azud. Problems come back as the AzudErrors they were. */
export class Client {
  readonly url: string;
  readonly #token: string | null;
  readonly #clock: Clock;

  constructor(url: string, { token, clock }: { readonly token: string | null; readonly clock: Clock }) {
    this.url = url.replace(/\/+$/, '');
    this.#token = token;
    this.#clock = clock;
  }

  /** @throws AzudError `not-connected`; else the problem that the server answered, of the same code */
  async request(path: string, { method = 'GET', query = [], headers = {}, body, signal }: ClientRequest = {}) {
    const url = new URL(this.url + path);
    for (const [name, value] of query) if (value !== undefined) url.searchParams.append(name, value);
    let response: Response;
    try {
      response = await fetch(url, {
        method,
        headers: { ...(this.#token !== null && { authorization: `Bearer ${this.#token}` }), ...headers },
        redirect: 'error',
        ...(body !== undefined && { body }),
        ...(signal && { signal }),
      });
    } catch (error) {
      throw new AzudError('not-connected', `${this.url} cannot be reached: ${causeOf(error)}`, { cause: error });
    }
    if (!response.ok) throw await problemOf(response, this.#clock.now());
    return response;
  }

  /** @throws as `request`; `not-connected` when the answer breaks off */
  async json<T>(path: string, request: ClientRequest = {}): Promise<T> {
    const response = await this.request(path, request);
    try {
      return (await response.json()) as T;
    } catch (error) {
      throw new AzudError('not-connected', `the answer of ${this.url}${path} broke off: ${causeOf(error)}`, {
        cause: error,
      });
    }
  }
}

/** From flags, then the environment, then the default. @throws AzudError `invalid-usage` */
export function clientOf({ values }: Invocation, { env, folder, clock }: World): Client {
  const url = values.url ?? env.AZUD_URL ?? DEFAULT_URL;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw usage(`--url takes an address like ${DEFAULT_URL}; got "${url}"`);
  const file = values['token-file'] ?? (values.token === undefined ? env.AZUD_TOKEN_FILE : undefined);
  const token = file === undefined ? (values.token ?? env.AZUD_TOKEN ?? null) : readToken(resolve(folder, file));
  // The token itself is not shown: what is wrong with it may be that it is half of the right one.
  if (token !== null && !/^[\x21-\x7e]+$/.test(token))
    throw usage('the token has spaces, line breaks or other characters that no token has');
  return new Client(url, { token, clock });
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw usage(`the token file cannot be read: ${messageOf(error)}`);
  }
}

interface Problem {
  readonly code?: unknown;
  readonly title?: unknown;
  readonly detail?: unknown;
  readonly hint?: unknown;
  readonly errors?: unknown;
}

async function problemOf(response: Response, nowMs: number): Promise<AzudError> {
  const text = await response.text().catch(() => '');
  const problem = parseProblem(text);
  const seconds = retryAfterSeconds(response.headers.get('retry-after'), nowMs);
  const hint = response.status === 401 ? TOKEN_HINT : problem.hint;
  const detail = problem.detail ?? problem.title ?? `${response.status} ${response.statusText}`;
  return new AzudError(codeOf(problem.code, response.status), String(detail), {
    ...(typeof hint === 'string' && { hint }),
    ...(Array.isArray(problem.errors) && { errors: problem.errors as RowError[] }),
    ...(seconds !== null && { retryAfterSeconds: seconds }),
  });
}

function parseProblem(text: string): Problem {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' ? value : {};
  } catch {
    return {};
  }
}

/** A proxy's answer has no code of ours: the status says enough to know whether to try again. */
function codeOf(code: unknown, status: number): ErrorCode {
  if (typeof code === 'string' && Object.hasOwn(CATALOGUE, code)) return code as ErrorCode;
  if (status === 429) return 'rate-limited';
  if (status >= 500) return 'unavailable';
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'not-found';
  return 'bad-request';
}

/** Seconds from either form of the header. */
function retryAfterSeconds(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\d+(\.\d+)?$/.test(header)) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, (at - nowMs) / 1_000);
}

/** fetch hides the reason one level down. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error) return (cause as NodeJS.ErrnoException).code ?? cause.message;
  return messageOf(error);
}
