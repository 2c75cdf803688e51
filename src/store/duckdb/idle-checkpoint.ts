import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import type { StoreFiles } from './recovery.ts';

/** A write-ahead log of this size is folded in 0.2 s, about the time between two units of a store that keeps up. */
const WAL_BYTES_MIN = 32 * 1024 * 1024;
/** Without a write for this long the store keeps up: one that does not is given its next unit at once. */
const IDLE_MS = 20;
/**
 * A checkpoint that comes this long after the one before merges row groups, ms. It puts three together to two: of a store
 * that folds every second or two that is next to nothing, and on busy cores what was just accepted would wait 4 s for it.
 */
const CALM_MS = 60_000;

export interface IdleCheckpointOptions {
  readonly files: StoreFiles;
  readonly clock: Clock;
  /**
   * Runs the checkpoint in its turn. Its failures are its own to report. `merge`: half-filled row groups that lie side by
   * side are put together, which takes five times as long as the rest of it.
   */
  readonly checkpoint: (options: { readonly merge: boolean }) => Promise<void>;
}

/**
 * Folds the write-ahead log into the file between units. The engine's own checkpoint comes at a much larger size and in
 * the middle of a commit, where what was just accepted waits a second for it.
 */
export class IdleCheckpoint {
  readonly #options: IdleCheckpointOptions;
  #waiting: AbortController | null = null;
  #lastMs: number;
  /** Rows were replaced since the last one. */
  #replaced = false;

  constructor(options: IdleCheckpointOptions) {
    this.#options = options;
    this.#lastMs = options.clock.monotonic();
  }

  /** A unit is about to be written, or the store closes. */
  cancel(): void {
    this.#waiting?.abort();
    this.#waiting = null;
  }

  /** A unit was written; `replaced`: into a table whose rows give way to others. */
  schedule({ replaced }: { readonly replaced: boolean }): void {
    this.cancel();
    this.#replaced ||= replaced;
    this.#waiting = new AbortController();
    void this.#run(this.#waiting.signal);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, checkpoint } = this.#options;
    await clock.sleep(IDLE_MS, signal);
    if (signal.aborted || !(await this.#isDue()) || signal.aborted) return;
    const now = clock.monotonic();
    // What is left of replaced rows slows each unit that looks for its own.
    const merge = this.#replaced || now - this.#lastMs >= CALM_MS;
    this.#lastMs = now;
    this.#replaced = false;
    await checkpoint({ merge }).catch(() => {});
  }

  /** A checkpoint that meets a full disk ends the engine for this process, so there must be room for it. */
  async #isDue(): Promise<boolean> {
    const { main, wal } = this.#options.files;
    try {
      const { size } = await stat(wal);
      if (size < WAL_BYTES_MIN) return false;
      const { bavail, bsize } = await statfs(dirname(main));
      return bavail * bsize >= 4 * size;
    } catch {
      // No file: nothing to fold.
      return false;
    }
  }
}
