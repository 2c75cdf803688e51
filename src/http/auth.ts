import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { AzudError } from '../error/azud-error.ts';
import type { Clock } from '../lib/clock.ts';

/** One token as the configuration gives it. Only the digest of the secret is kept. */
export interface TokenSettings {
  readonly name: string;
  readonly secret: string;
  /** `admin`, `intake:<dataset|*>`, `query:<dataset or endpoint|*>`, `dead-letters`, `metrics`, `sql`. */
  readonly scopes: readonly string[];
  /** ms since the epoch; null: never. */
  readonly expiresAt: number | null;
  /** Requests a second; null: no bound. */
  readonly ratePerSecond: number | null;
}

/** What a route asks for. `any` is any valid token, `public` none at all. */
export type RequiredScope =
  | 'public'
  | 'any'
  | 'admin'
  | 'dead-letters'
  | 'metrics'
  | 'sql'
  | `intake:${string}`
  | `query:${string}`;

/** Who asks, once proven. */
export interface Principal {
  readonly name: string;
  readonly scopes: readonly string[];
}

/** Without tokens everybody is this one; the app lets that be on a loopback address only. */
export const ANYONE: Principal = Object.freeze({ name: 'anyone', scopes: Object.freeze(['admin']) });

/** A longer credential is no token of ours, and is not hashed. */
const CREDENTIAL_LENGTH_MAX = 1_024;
const DUMMY_SECRET = '\0';

interface Token {
  readonly principal: Principal;
  readonly digest: Buffer;
  readonly expiresAt: number;
  readonly bucket: TokenBucket | null;
}

/**
 * Bearer tokens. Only SHA-256 digests are kept. A request costs one digest, one look-up by the digest's first bytes
 * (which nobody can choose) and one constant-time comparison, whether the token is right, wrong, expired or missing.
 */
export class Authenticator {
  readonly #tokens = new Map<string, Token>();
  readonly #nobody: Token;
  readonly #clock: Clock;
  readonly open: boolean;

  constructor(tokens: readonly TokenSettings[], clock: Clock) {
    this.#clock = clock;
    this.open = tokens.length === 0;
    this.#nobody = { principal: { name: '', scopes: [] }, digest: randomBytes(32), expiresAt: 0, bucket: null };
    for (const settings of tokens) {
      const token = this.#keep(settings);
      this.#tokens.set(lookupKey(token.digest), token);
    }
  }

  /**
   * @param authorization the header's value
   * @throws AzudError `unauthorized`, the same for every cause; `rate-limited`
   */
  authenticate(authorization: string | undefined): Principal {
    if (this.open) return ANYONE;
    const secret = bearerSecret(authorization);
    const digest = sha256(secret ?? DUMMY_SECRET);
    const token = this.#tokens.get(lookupKey(digest)) ?? this.#nobody;
    const same = timingSafeEqual(digest, token.digest);
    if (!same || secret === null || token.expiresAt <= this.#clock.now()) throw unauthorized();
    if (token.bucket && !token.bucket.take()) throw rateLimited(token);
    return token.principal;
  }

  #keep({ name, secret, scopes, expiresAt, ratePerSecond }: TokenSettings): Token {
    return {
      principal: Object.freeze({ name, scopes: Object.freeze([...scopes]) }),
      digest: sha256(secret),
      expiresAt: expiresAt ?? Number.POSITIVE_INFINITY,
      bucket: ratePerSecond ? new TokenBucket(ratePerSecond, this.#clock) : null,
    };
  }
}

/** @throws AzudError `forbidden`, naming the scope that would do */
export function authorize(principal: Principal, required: RequiredScope): void {
  if (!allows(principal, required)) {
    throw new AzudError('forbidden', `token ${principal.name} needs the scope ${required.slice(0, 100)}`);
  }
}

/** `admin` holds every scope; `intake:*` every `intake:…`; `query:` with nothing behind it asks for any query scope. */
export function allows(principal: Principal, required: RequiredScope): boolean {
  if (required === 'public' || required === 'any') return true;
  const { scopes } = principal;
  if (scopes.includes('admin') || scopes.includes(required)) return true;
  const colon = required.indexOf(':');
  return colon > 0 && scopes.includes(`${required.slice(0, colon)}:*`);
}

/** Holds one second's worth; refills steadily. */
class TokenBucket {
  readonly #ratePerSecond: number;
  readonly #clock: Clock;
  #tokens: number;
  #filledAt: number;

  constructor(ratePerSecond: number, clock: Clock) {
    this.#ratePerSecond = ratePerSecond;
    this.#clock = clock;
    this.#tokens = Math.max(1, ratePerSecond);
    this.#filledAt = clock.monotonic();
  }

  take(): boolean {
    const now = this.#clock.monotonic();
    const earned = ((now - this.#filledAt) / 1_000) * this.#ratePerSecond;
    this.#tokens = Math.min(Math.max(1, this.#ratePerSecond), this.#tokens + earned);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Until one more may pass, seconds. */
  get waitSeconds(): number {
    return (1 - this.#tokens) / this.#ratePerSecond;
  }
}

const BEARER = /^Bearer +([^\s]+) *$/i;

function bearerSecret(authorization: string | undefined): string | null {
  if (authorization === undefined || authorization.length > CREDENTIAL_LENGTH_MAX) return null;
  return BEARER.exec(authorization)?.[1] ?? null;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function lookupKey(digest: Buffer): string {
  return digest.toString('base64url', 0, 8);
}

function unauthorized(): AzudError {
  return new AzudError('unauthorized', 'the request brings no valid token', {
    headers: { 'www-authenticate': 'Bearer realm="azud"' },
  });
}

function rateLimited({ principal, bucket }: Token): AzudError {
  return new AzudError('rate-limited', `token ${principal.name} is above its rate`, {
    retryAfterSeconds: bucket?.waitSeconds ?? 1,
  });
}
