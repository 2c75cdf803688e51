import { AzudError, isAzudError, messageOf } from '../error/azud-error.ts';
import type { Message } from '../event/batch.ts';
import { type BackoffOptions, backoffMs } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import { HTTP_LIMITS } from '../limits.ts';
import type { Log } from '../telemetry/log.ts';
import type { HistogramSeries, Metrics, Series } from '../telemetry/metrics.ts';
import type {
  Backlog,
  BrokerCapabilities,
  BrokerDriver,
  Located,
  Progress,
  PublishResult,
  Subscription,
} from './driver.ts';
import { splitMessage } from './splitting.ts';

export interface BrokerOptions {
  readonly driver: BrokerDriver;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  /** Payload bytes that may wait for durability; above it `publish` answers `overloaded`. */
  readonly pendingBytesMax?: number;
  readonly retry?: RetryOptions;
}

export interface RetryOptions extends BackoffOptions {
  /** Tries in all. */
  readonly attemptsMax: number;
}

/** 0.1 + 0.2 + 0.4 + 0.8 + 1.6 s: a restarting owner or server is back, and a caller still waits for the answer. */
const RETRY: RetryOptions = { firstMs: 100, maxMs: 2_000, attemptsMax: 6 };

/**
 * The portable broker: what every driver would otherwise do again. It splits messages that are too large for the driver,
 * bounds what waits, tries again what may succeed, and measures.
 */
export class Broker {
  readonly #driver: BrokerDriver;
  readonly #options: BrokerOptions;
  readonly #pendingBytesMax: number;
  readonly #retry: RetryOptions;
  readonly #publishSeconds: HistogramSeries;
  readonly #accepted = new Map<string, Series>();
  readonly #closing = new AbortController();
  #pendingBytes = 0;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#driver = options.driver;
    this.#pendingBytesMax = options.pendingBytesMax ?? HTTP_LIMITS.pendingBytesMax;
    this.#retry = options.retry ?? RETRY;
    this.#publishSeconds = options.metrics.histogram('messaging_client_operation_duration_seconds', {
      messaging_operation_name: 'publish',
      messaging_system: this.capabilities.kind,
    });
  }

  /** What the driver can do: whole once it is open, for some bounds are the server's. */
  get capabilities(): BrokerCapabilities {
    return this.#driver.capabilities;
  }

  /** @throws AzudError as `BrokerDriver.open`, after the tries that may help */
  open(): Promise<void> {
    return this.#trying('open', () => this.#driver.open());
  }

  /** Payload bytes that wait for durability. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /**
   * One result a message, in their order; never rejects. A message split for the driver succeeds when all its parts do,
   * and its position is that of the last part. Only a message that surely was not sent is tried again.
   */
  async publish(messages: readonly Message[]): Promise<readonly PublishResult[]> {
    let bytes = 0;
    let largest = 0;
    for (const { payload } of messages) {
      bytes += payload.length;
      largest = Math.max(largest, payload.length);
    }
    // A lone request larger than the bound still passes: the bound is for what waits together.
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes > this.#pendingBytesMax) {
      return messages.map(() => ({ error: overloaded(this.#pendingBytesMax) }));
    }
    this.#pendingBytes += bytes;
    const begun = this.#options.clock.monotonic();
    const fits = largest <= this.capabilities.messageBytesMax;
    let results: readonly PublishResult[];
    // Every request waits here: on the driver itself, for each function between that is suspended, too, costs its share.
    try {
      results = await (fits ? this.#driver.publish(messages) : this.#publishSplit(messages));
    } catch (error) {
      results = failures(messages, error);
    }
    if (fits && someNotSent(results)) results = await this.#publishAgain(messages, results);
    this.#count(messages, results);
    this.#pendingBytes -= bytes;
    this.#publishSeconds.observe((this.#options.clock.monotonic() - begun) / 1_000);
    return results;
  }

  /** @throws AzudError as `BrokerDriver.subscribe` */
  subscribe(from: Progress, group: string | null = null): Promise<Subscription> {
    return this.#trying('subscribe', () => this.#driver.subscribe(from, group));
  }

  /** What is not yet in a store whose progress is `after`. The lag metrics are the loader's: others ask from elsewhere. */
  async backlog(after: Progress): Promise<Backlog> {
    const backlog = await this.#trying('backlog', () => this.#driver.backlog(after));
    // The furthest: where a broker has several streams, the gauge still only grows.
    const end = Math.max(0, ...backlog.end.map(({ offset }) => offset));
    const queue = { queue: this.capabilities.kind };
    if (end > 0) this.#options.metrics.gauge('azud_log_end_offset', queue).set(end);
    return backlog;
  }

  /** The messages of a transaction that the broker still holds; none where it cannot find them. */
  async find(transactionId: string): Promise<readonly Located[]> {
    return this.#trying('find', async () => (await this.#driver.find?.(transactionId)) ?? []);
  }

  release(upTo: Progress): Promise<void> {
    return this.#trying('release', () => this.#driver.release(upTo));
  }

  /** Why a publish would be refused now, as far as this process knows; for /readyz. */
  refusal(): AzudError | null {
    return this.#driver.refusal?.() ?? null;
  }

  close(): Promise<void> {
    this.#closing.abort();
    return this.#driver.close();
  }

  async #publishSplit(messages: readonly Message[]): Promise<readonly PublishResult[]> {
    const bytesMax = this.capabilities.messageBytesMax;
    const parts = messages.map((message) => splitMessage(message, bytesMax));
    const pieces = parts.flatMap((part) => part ?? []);
    const results = await this.#publishAgain(pieces, await this.#publishOnce(pieces));
    let next = 0;
    return parts.map((part) => {
      if (part === null) return { error: tooLarge(bytesMax) };
      const own = results.slice(next, next + part.length);
      next += part.length;
      return own.find((result) => 'error' in result) ?? (own.at(-1) as PublishResult);
    });
  }

  /** Tries again what surely was not sent. */
  async #publishAgain(
    messages: readonly Message[],
    first: readonly PublishResult[],
  ): Promise<readonly PublishResult[]> {
    const results = [...first];
    for (let attempt = 1; attempt < this.#retry.attemptsMax; attempt += 1) {
      const again = results.flatMap((result, index) => (notSent(result) ? [index] : []));
      if (again.length === 0 || this.#closing.signal.aborted) break;
      await this.#pause('publish', attempt);
      const retried = await this.#publishOnce(again.map((index) => messages[index] as Message));
      again.forEach((index, n) => {
        results[index] = retried[n] as PublishResult;
      });
    }
    return results;
  }

  async #publishOnce(messages: readonly Message[]): Promise<readonly PublishResult[]> {
    try {
      return await this.#driver.publish(messages);
    } catch (error) {
      return failures(messages, error);
    }
  }

  /** For calls that do no harm when done twice. */
  async #trying<T>(stage: string, call: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call();
      } catch (error) {
        const last = attempt >= this.#retry.attemptsMax || this.#closing.signal.aborted;
        if (last || !(isAzudError(error, 'not-connected') || isAzudError(error, 'unavailable'))) throw error;
        this.#options.log.debug('the broker did not answer; trying again', { stage, attempt, error });
        await this.#pause(stage, attempt);
      }
    }
  }

  async #pause(stage: string, attempt: number): Promise<void> {
    this.#options.metrics.counter('azud_attempts_total', { stage: `broker ${stage}`, attempt: String(attempt) }).inc();
    await this.#options.clock.sleep(backoffMs(attempt - 1, this.#retry), this.#closing.signal);
  }

  #count(messages: readonly Message[], results: readonly PublishResult[]): void {
    messages.forEach((message, index) => {
      if (message.events === 0 || !('position' in (results[index] as PublishResult))) return;
      this.#acceptedOf(message.dataset).inc(message.events);
    });
  }

  #acceptedOf(dataset: string): Series {
    let series = this.#accepted.get(dataset);
    if (!series) {
      series = this.#options.metrics.counter('azud_accepted_total', { dataset });
      this.#accepted.set(dataset, series);
    }
    return series;
  }
}

/** Nothing went out, or it was turned away for the moment; any other failure of a publish may have been written. */
const NOT_SENT: ReadonlySet<string> = new Set(['not-connected', 'overloaded']);

function notSent(result: PublishResult): boolean {
  return 'error' in result && NOT_SENT.has(result.error.code);
}

/** A loop: `some` took a hundredth of what intake does for a request. */
function someNotSent(results: readonly PublishResult[]): boolean {
  for (const result of results) if (notSent(result)) return true;
  return false;
}

function failures(messages: readonly Message[], error: unknown): readonly PublishResult[] {
  const known = isAzudError(error) ? error : new AzudError('internal', messageOf(error), { cause: error });
  return messages.map(() => ({ error: known }));
}

function overloaded(bytesMax: number): AzudError {
  return new AzudError('overloaded', `${bytesMax} bytes are waiting to be written already`, { retryAfterSeconds: 1 });
}

function tooLarge(bytesMax: number): AzudError {
  return new AzudError('too-large', `one event is larger than the ${bytesMax} bytes that the broker takes`);
}
