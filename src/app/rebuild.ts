import type { Broker } from '../broker/broker.ts';
import type { Progress } from '../broker/driver.ts';
import { messageOf } from '../error/azud-error.ts';
import type { Clock } from '../lib/clock.ts';
import { RECOVERY_LIMITS } from '../limits.ts';
import type { Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';

export interface RebuildOptions {
  readonly store: Pick<Store, 'rebuilding' | 'rebuilt' | 'progress'>;
  readonly broker: Pick<Broker, 'backlog'> & { readonly capabilities: Pick<Broker['capabilities'], 'positions'> };
  readonly clock: Clock;
  readonly log: Log;
}

/** What the broker held when this process opened the store. */
interface Opening {
  readonly end: Progress;
  /** Of it, what the store lacked then. */
  readonly batches: number;
}

/**
 * A store that a recovery set back holds a part of what it held, until the loader has read again what the broker had when
 * the store was opened: nobody is to take that part for the whole. At an ordinary start there is nothing to do here: what
 * waits then was never shown.
 */
export class Rebuild {
  readonly #options: RebuildOptions;
  #opening: Opening | null = null;
  #step: string | null = null;

  private constructor(options: RebuildOptions) {
    this.#options = options;
  }

  /** Called before the loader runs. */
  static async begin(options: RebuildOptions): Promise<Rebuild> {
    const rebuild = new Rebuild(options);
    const { store, broker } = options;
    if (!store.rebuilding) return rebuild;
    // A broker without positions gives nothing twice: there is nothing to wait for.
    if (!broker.capabilities.positions) await store.rebuilt();
    else await rebuild.#look();
    return rebuild;
  }

  /** Which step is running, in words; null: the store has it all. */
  get step(): string | null {
    return this.#step;
  }

  /** Until the store has it all, or the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const begunMs = clock.monotonic();
    if (this.#step !== null) log.warn(this.#step);
    while (this.#step !== null) {
      await clock.sleep(RECOVERY_LIMITS.lookIntervalMs, signal);
      if (signal.aborted) return;
      await this.#look();
    }
    log.info('the log is read again', { batches: this.#opening?.batches, duration_ms: clock.monotonic() - begunMs });
  }

  async #look(): Promise<void> {
    try {
      const left = await this.#left();
      if (left === 0) await this.#options.store.rebuilt();
      this.#step = left === 0 ? null : inWords(left, this.#opening?.batches ?? left);
    } catch (error) {
      // The loader meets the same and waits, or ends the process.
      this.#step ??= `reading the log again: ${messageOf(error)}`;
    }
  }

  /** Batches of the opening that the store lacks. What comes in between the questions makes them more, never fewer. */
  async #left(): Promise<number> {
    const { store, broker } = this.#options;
    const progress = await store.progress();
    if (!this.#opening) {
      const { end, messages } = await broker.backlog(progress);
      this.#opening = { end, batches: messages ?? 0 };
      return this.#opening.batches;
    }
    const since = (await broker.backlog(this.#opening.end)).messages ?? 0;
    const behind = (await broker.backlog(progress)).messages ?? 0;
    return Math.max(0, behind - since);
  }
}

function inWords(left: number, batches: number): string {
  const read = Math.max(0, batches - left);
  const share = Math.floor((100 * read) / batches);
  return `reading the log again: ${count(read)} of ${count(batches)} batches (${share}%)`;
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}
