import { mkdir, rename, rm } from 'node:fs/promises';
import { AzudError } from '../../error/azud-error.ts';
import type { Clock } from '../../lib/clock.ts';
import { AD_HOC_LIMITS } from '../../limits.ts';
import type { Copier } from './copier.ts';
import type { StoreFiles } from './recovery.ts';

export interface AdHocCopyOptions {
  readonly files: StoreFiles;
  readonly clock: Clock;
  readonly copier: Copier;
  /** Changes with every write to the database. */
  readonly version: () => number;
}

interface Taken {
  readonly asOf: number;
  readonly atMs: number;
  readonly durationMs: number;
  readonly version: number;
}

/**
 * The copy of the database that ad-hoc queries read, made when somebody asks and the last is too old. It is another file
 * than the verified snapshot, which must stay what the log was let go for. Two copies are there at most: one that is read
 * and one in the making.
 */
export class AdHocCopy {
  readonly file: string;
  /** Holds a folder for each query that spills. */
  readonly tempFolder: string;
  readonly #options: AdHocCopyOptions;
  #taken: Taken | null = null;
  #taking: Promise<Taken> | null = null;
  #removal: NodeJS.Timeout | null = null;

  constructor(options: AdHocCopyOptions) {
    this.#options = options;
    this.file = `${options.files.main}.ad-hoc`;
    this.tempFolder = `${this.file}-temp`;
  }

  /**
   * Sees to a copy that is not older than `maxAgeMs`, or as young as copying allows; all who ask meanwhile wait for one.
   * @returns the moment that its rows are of. @throws AzudError `unavailable` when `patienceMs` is not enough: it is made
   *   all the same, and the next who asks finds it. `storage-full`
   */
  async fresh(maxAgeMs: number, patienceMs: number): Promise<number> {
    this.#removeWhenIdle();
    const { clock, version } = this.#options;
    if (this.#taken?.version === version()) return clock.now();
    if (this.#taken && clock.monotonic() - this.#taken.atMs <= this.#restMs(this.#taken, maxAgeMs)) {
      return this.#taken.asOf;
    }
    this.#taking ??= this.#take().finally(() => {
      this.#taking = null;
    });
    // Whoever loses patience does not wait for its failure.
    this.#taking.catch(() => {});
    const waiting = new AbortController();
    try {
      const late = clock.sleep(patienceMs, waiting.signal).then(() => null);
      const taken = await Promise.race([this.#taking, late]);
      if (taken) return taken.asOf;
    } finally {
      waiting.abort();
    }
    throw new AzudError('unavailable', 'the copy of the database that ad-hoc SQL reads is still being made', {
      retryAfterSeconds: 5,
    });
  }

  async close(): Promise<void> {
    if (this.#removal) clearTimeout(this.#removal);
    await this.#taking?.catch(() => {});
    await this.remove();
  }

  /** Also what a process before this one left behind. */
  async remove(): Promise<void> {
    this.#taken = null;
    await rm(this.file, { force: true });
    await rm(`${this.file}.part`, { force: true });
    await rm(this.tempFolder, { recursive: true, force: true });
  }

  #restMs({ durationMs }: Taken, maxAgeMs: number): number {
    return Math.max(maxAgeMs, durationMs * AD_HOC_LIMITS.copyRestFactor);
  }

  async #take(): Promise<Taken> {
    const { clock, copier, version } = this.#options;
    const part = `${this.file}.part`;
    const begunMs = clock.monotonic();
    const seen = await copier.copy(part, async () => ({ asOf: clock.now(), version: version() }));
    await rename(part, this.file);
    await mkdir(this.tempFolder, { recursive: true });
    const atMs = clock.monotonic();
    this.#taken = { ...seen, atMs, durationMs: atMs - begunMs };
    return this.#taken;
  }

  #removeWhenIdle(): void {
    if (this.#removal) clearTimeout(this.#removal);
    this.#removal = setTimeout(() => void this.remove().catch(() => {}), AD_HOC_LIMITS.copyIdleMs).unref();
  }
}
