import type { Backlog, BrokerCapabilities, Progress, Subscription } from '../broker/driver.ts';
import { isAzudError, messageOf } from '../error/azud-error.ts';
import type { Dataset } from '../event/dataset.ts';
import { type BackoffOptions, backoffMs } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import { LOADER_LIMITS } from '../limits.ts';
import type { WriteUnit } from '../store/driver.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type CommitStore, type Committed, commit } from './commit.ts';
import { Lookahead } from './lookahead.ts';
import { Meter } from './meter.ts';
import { Gatherer, type Unit } from './unit.ts';

/** What the loader asks of a broker. */
export interface LoaderBroker {
  readonly capabilities: Pick<BrokerCapabilities, 'kind' | 'positions'>;
  subscribe(from: Progress, group: string | null): Promise<Subscription>;
  backlog(after: Progress): Promise<Backlog>;
}

/** What the loader asks of a store. */
export interface LoaderStore extends CommitStore {
  progress(): Promise<Progress>;
  /** See `StoreDriver.prepare`. */
  prepare?(unit: WriteUnit): void;
}

export interface LoaderOptions {
  readonly broker: LoaderBroker;
  readonly store: LoaderStore;
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly limits?: LoaderLimits;
  /** Names the store to a broker that divides its work among the loaders of one; null: nobody else loads into it. */
  readonly group?: string | null;
  /**
   * Told of the datasets of every unit once it is written, or was found to be written; awaited before anybody hears of it.
   * Told of all when a session begins: a loader before it may have died after it had written and before it said so.
   */
  readonly onStored?: (datasets: ReadonlySet<string>) => Promise<void>;
  /** Told of every batch's transaction once it is written. The ids are made when they are looked at. */
  readonly onCommitted?: (transactionIds: Iterable<string>) => void;
}

export type LoaderLimits = { readonly [Name in keyof typeof LOADER_LIMITS]: number };

/** Calls `onward` whenever it got something done. */
type Action = (onward: () => void) => Promise<void>;

/** For /readyz. `waiting`: the broker or the store is away, events gather in the broker. */
export type LoaderState =
  | { readonly name: 'starting' | 'running' | 'stopped' }
  | { readonly name: 'waiting'; readonly reason: string };

/** After these only a fresh process, which verifies what is on disk, may go on. */
const FATAL = ['store-damaged', 'io-failed', 'log-damaged', 'log-behind'] as const;

/** True when trying the same again later may succeed; everything else ends the process, which starts anew and recovers. */
export function isPassing(error: unknown): boolean {
  return isAzudError(error) && error.entry.retryable && !FATAL.some((code) => error.code === code);
}

/**
 * The one subscriber: gathers deliveries into units, writes each in one store transaction, then acks. A crash between
 * the write and the ack is harmless: the store knows its progress and leaves out what comes again.
 */
export class Loader {
  readonly #options: LoaderOptions;
  readonly #limits: LoaderLimits;
  readonly #backoff: BackoffOptions;
  readonly #meter: Meter;
  #state: LoaderState = { name: 'starting' };

  constructor(options: LoaderOptions) {
    this.#options = options;
    this.#limits = options.limits ?? LOADER_LIMITS;
    this.#backoff = { firstMs: this.#limits.retryFirstMs, maxMs: this.#limits.retryMaxMs };
    const shared = (options.group ?? null) !== null;
    this.#meter = new Meter({ ...options, progress: shared ? () => options.store.progress() : null });
  }

  get state(): LoaderState {
    return this.#state;
  }

  /**
   * Loads until the signal aborts; then the unit in hand is finished and the subscription closed.
   * @throws AzudError that a restart of the process must answer: `store-damaged`, `io-failed`, `log-damaged` …
   */
  async run(signal: AbortSignal): Promise<void> {
    const watch = new AbortController();
    const watching = this.#meter.watchLag(watch.signal, this.#limits.lagIntervalMs);
    try {
      while (!signal.aborted) {
        await this.#retrying('session', signal, (onward) => this.#session(signal, onward));
      }
    } finally {
      watch.abort();
      await watching;
      this.#state = { name: 'stopped' };
    }
  }

  /** One subscription, from the store's progress until the signal aborts, the work is divided anew or the broker goes away. */
  async #session(signal: AbortSignal, onward: () => void): Promise<void> {
    const { broker, store } = this.#options;
    const progress = await store.progress();
    this.#meter.reached(progress);
    await this.#options.onStored?.(new Set(this.#options.datasets.keys()));
    const subscription = await broker.subscribe(progress, this.#options.group ?? null);
    this.#state = { name: 'running' };
    const gatherer = new Gatherer(subscription, { ...this.#options, limits: this.#limits });
    const gathering = new AbortController();
    const stop = () => gathering.abort();
    const ends = [signal, ...(subscription.moved ? [subscription.moved] : [])];
    for (const end of ends) end.addEventListener('abort', stop, { once: true });
    if (ends.some(({ aborted }) => aborted)) stop();
    const units = new Lookahead({
      gather: (busy) => gatherer.next(gathering.signal, busy),
      onGathered: ({ batches }) => store.prepare?.({ batches }),
    });
    try {
      for (let unit = await units.next(); unit; unit = await units.next()) {
        await this.#write(unit, signal);
        units.written();
        await subscription.ack(unit.deliveries);
        onward();
      }
    } finally {
      for (const end of ends) end.removeEventListener('abort', stop);
      stop();
      const inHand = (await units.leave()).flatMap(({ deliveries }) => deliveries);
      await this.#leave(subscription, [...new Set([...inHand, ...gatherer.carried])]);
    }
  }

  /** Hands back what was not written. Brokers with positions need no telling: the next subscription begins after the progress. */
  async #leave(subscription: Subscription, left: Parameters<Subscription['nack']>[0]): Promise<void> {
    try {
      if (left.length > 0 && !this.#options.broker.capabilities.positions) await subscription.nack(left, 0);
      await subscription.close();
    } catch (error) {
      // The broker redelivers by its own time limit; the error that ends the session matters more.
      this.#options.log.warn('the subscription did not close cleanly', { error });
    }
  }

  async #write({ batches }: Unit, signal: AbortSignal): Promise<void> {
    let committed: readonly Committed[] = [];
    await this.#retrying('store', signal, async () => {
      committed = await commit(batches, this.#options);
    });
    await this.#options.onStored?.(new Set(batches.map(({ batch }) => batch.dataset)));
    this.#meter.committed(committed);
    this.#options.onCommitted?.(transactionsOf(committed));
  }

  /**
   * Runs the action until it succeeds. A passing error is waited out, each time longer; meanwhile the state says why. An
   * action that gets something done before it fails says so by `onward`: what breaks once an hour is not waited for long.
   * @throws the error, when it is not passing or the signal has aborted
   */
  async #retrying(stage: string, signal: AbortSignal, action: Action): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        this.#meter.attempt(stage, attempt);
        await action(() => {
          attempt = 0;
        });
        if (attempt > 0) this.#state = { name: 'running' };
        return;
      } catch (error) {
        if (!isPassing(error) || signal.aborted) throw error;
        const delayMs = backoffMs(attempt, this.#backoff);
        this.#state = { name: 'waiting', reason: messageOf(error) };
        this.#options.log.warn('the loader waits', { stage, error, attempt: attempt + 1, delay_ms: delayMs });
        await this.#options.clock.sleep(delayMs, signal);
      }
    }
  }
}

function* transactionsOf(committed: readonly Committed[]): Generator<string> {
  for (const { written } of committed) yield written.batch.transactionId;
}
