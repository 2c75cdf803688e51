import type { Backlog, Progress } from '../broker/driver.ts';
import { isAzudError, messageOf } from '../error/azud-error.ts';
import type { Clock } from '../lib/clock.ts';
import { KEEPER_LIMITS } from '../limits.ts';
import type { Log } from '../telemetry/log.ts';
import { isPassing } from './loader.ts';

export interface KeeperOptions {
  readonly store: {
    progress(): Promise<Progress>;
    sweep(now: number): Promise<void>;
    /** Absent where the store is its own safety: what it has committed is safe. */
    snapshot?(): Promise<Progress>;
    snapshotBytes?(): Promise<number>;
    lastSnapshot?(): Promise<Progress>;
  };
  readonly broker: {
    backlog(after: Progress): Promise<Backlog>;
    release(upTo: Progress): Promise<void>;
  };
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: { readonly [Name in keyof typeof KEEPER_LIMITS]: number };
}

/** The store's periodic work: removes what is past its retention, takes snapshots, and lets the broker forget what they hold. */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #limits: NonNullable<KeeperOptions['limits']>;
  /** What the last snapshot holds. Null at start: it may be of a process before this one. */
  #released: Progress | null = null;
  #releasedAtMs: number;
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#limits = options.limits ?? KEEPER_LIMITS;
    this.#releasedAtMs = options.clock.monotonic();
  }

  /** @throws AzudError that a restart must answer; a full disk or a server away is only logged and tried again. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(this.#limits.tickMs, signal);
      if (signal.aborted) return;
      try {
        await this.tick();
      } catch (error) {
        if (!isPassing(error)) throw error;
        log.warn('the store was not tended to', { reason: messageOf(error) });
      }
    }
  }

  /** What is due now. */
  async tick(): Promise<void> {
    const { clock, store } = this.#options;
    if (clock.monotonic() - this.#sweptAtMs >= this.#limits.sweepIntervalMs) {
      await store.sweep(clock.now());
      this.#sweptAtMs = clock.monotonic();
    }
    if (await this.#releaseDue()) await this.#release();
  }

  async #releaseDue(): Promise<boolean> {
    const { broker, clock, store } = this.#options;
    const { snapshotGrowthBytes, snapshotGrowthShare } = this.#limits;
    this.#released ??= await this.#releasedBefore();
    const { bytes } = await broker.backlog(this.#released);
    const copied = (await store.snapshotBytes?.()) ?? 0;
    if (bytes >= Math.max(snapshotGrowthBytes, copied * snapshotGrowthShare)) return true;
    return bytes > 0 && clock.monotonic() - this.#releasedAtMs >= this.#limits.snapshotIntervalMs;
  }

  /** Empty when the last snapshot says nothing about this log: it was begun anew, or has let go of more than that. */
  async #releasedBefore(): Promise<Progress> {
    const { broker, store } = this.#options;
    const progress = (await store.lastSnapshot?.()) ?? [];
    try {
      await broker.backlog(progress);
      return progress;
    } catch (error) {
      if (isAzudError(error, 'log-behind')) return [];
      throw error;
    }
  }

  async #release(): Promise<void> {
    const { broker, clock, log, store } = this.#options;
    const startedMs = clock.monotonic();
    const progress = await (store.snapshot?.() ?? store.progress());
    await broker.release(progress);
    this.#released = progress;
    this.#releasedAtMs = clock.monotonic();
    log.info('the log is released up to a safe copy', { progress, duration_ms: this.#releasedAtMs - startedMs });
  }
}
