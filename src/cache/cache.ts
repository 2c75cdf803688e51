import { AzudError, isAzudError, messageOf } from '../error/azud-error.ts';
import { type BackoffOptions, backoffMs } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import { CACHE_LIMITS } from '../limits.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { CacheCapabilities, CacheDriver, CacheEntry } from './driver.ts';

export interface CacheOptions {
  readonly driver: CacheDriver;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  /** Longest time that one call may take, ms. */
  readonly timeoutMs: number;
  readonly rest?: BackoffOptions;
}

const REST: BackoffOptions = { firstMs: CACHE_LIMITS.restFirstMs, maxMs: CACHE_LIMITS.restMaxMs };

/**
 * The portable cache: no call throws, none takes longer than its time, and one that fails is followed by a rest in which
 * calls answer nothing at once. So a cache that is dead, hung or full costs speed alone. Errors become a metric and a line
 * in the log.
 */
export class Cache {
  readonly #options: CacheOptions;
  readonly #driver: CacheDriver;
  readonly #rest: BackoffOptions;
  /** Rests in a row; 0: it answers. */
  #rests = 0;
  /** Monotonic, ms. */
  #restUntil = 0;
  #warnedAt = Number.NEGATIVE_INFINITY;
  #fault: AzudError | null = null;
  /** While it connects for the first time, and after its end, it answers nothing. */
  #open = false;

  constructor(options: CacheOptions) {
    this.#options = options;
    this.#driver = options.driver;
    this.#rest = options.rest ?? REST;
  }

  get capabilities(): CacheCapabilities {
    return this.#driver.capabilities;
  }

  /** Why it cannot be reached, as far as is known; null: nothing is known against it. */
  get fault(): AzudError | null {
    return this.#fault;
  }

  /** Connects, or says in the log that it cannot: a cache that is away holds nothing up. */
  async open(): Promise<void> {
    try {
      await this.#driver.open();
    } catch (error) {
      this.#failed('open', error);
    }
    this.#open = true;
  }

  /** The values of these keys at one moment, null where there is none; null when the cache is away. */
  get(keys: readonly string[]): Promise<readonly (Buffer | null)[] | null> {
    return this.#call('get', () => this.#driver.get(keys));
  }

  /** False when the cache is away or refuses. */
  async set(entries: readonly CacheEntry[]): Promise<boolean> {
    return (await this.#call('set', () => this.#driver.set(entries).then(() => true))) ?? false;
  }

  /** Sets what is absent; answers the values in force, null when the cache is away. */
  add(entries: readonly CacheEntry[]): Promise<readonly Buffer[] | null> {
    return this.#call('add', () => this.#driver.add(entries));
  }

  async remove(keys: readonly string[]): Promise<void> {
    await this.#call('remove', () => this.#driver.remove(keys));
  }

  close(): Promise<void> {
    this.#open = false;
    return this.#driver.close();
  }

  async #call<T>(operation: string, call: () => Promise<T>): Promise<T | null> {
    const { clock } = this.#options;
    if (!this.#open || clock.monotonic() < this.#restUntil) return null;
    // After a rest one call looks whether the cache is back; the others go on resting until it knows.
    if (this.#rests > 0) this.#beginRest();
    try {
      const answer = await this.#timed(call());
      this.#answered();
      return answer;
    } catch (error) {
      if (this.#open) this.#failed(operation, error);
      return null;
    }
  }

  async #timed<T>(answer: Promise<T>): Promise<T> {
    if (this.capabilities.sharing === 'process') return answer;
    const { clock, timeoutMs } = this.#options;
    const answered = new AbortController();
    const late = Symbol('late');
    const first = await Promise.race([answer, clock.sleep(timeoutMs, answered.signal).then(() => late)]).finally(() =>
      answered.abort(),
    );
    if (typeof first !== 'symbol') return first as T;
    const error = new AzudError('not-connected', `the cache did not answer within ${timeoutMs} ms`);
    this.#driver.reset?.(error);
    throw error;
  }

  #answered(): void {
    this.#fault = null;
    if (this.#rests === 0) return;
    this.#rests = 0;
    this.#restUntil = 0;
    this.#options.log.info('the cache answers again', { cache: this.capabilities.kind });
  }

  #failed(operation: string, error: unknown): void {
    const { metrics, log, clock } = this.#options;
    const { kind } = this.capabilities;
    metrics.counter('azud_cache_errors_total', { kind, operation }).inc();
    const away = isAzudError(error) && (error.code === 'not-connected' || error.code === 'access-denied');
    this.#fault = isAzudError(error) ? error : new AzudError('internal', messageOf(error), { cause: error });
    const first = away && this.#rests === 0;
    if (first) this.#beginRest();
    if (!first && clock.monotonic() < this.#warnedAt + CACHE_LIMITS.warnIntervalMs) return;
    this.#warnedAt = clock.monotonic();
    log.warn('the cache fails; answers are made without it', { cache: kind, operation, error });
  }

  #beginRest(): void {
    this.#restUntil = this.#options.clock.monotonic() + backoffMs(this.#rests, this.#rest);
    this.#rests += 1;
  }
}
