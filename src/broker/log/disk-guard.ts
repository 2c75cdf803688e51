import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import type { Io } from '../../lib/io.ts';
import { LOG_LIMITS } from '../../limits.ts';
import type { Log } from '../../telemetry/log.ts';
import { isDiskFull, isMissing } from './errors.ts';
import { removeIfThere } from './segment.ts';

export interface DiskGuardOptions {
  readonly io: Io;
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Kept on disk unused; small disks keep `RESERVE_RATIO_MAX` of their size. */
  readonly reserveBytes: number;
  /** Used share of the disk from which on the log refuses. */
  readonly usedRatioMax: number;
}

/** A 24 MB disk keeps 1.2 MB, not 64. */
const RESERVE_RATIO_MAX = 0.05;
/** statfs is cheap, but not for every group commit. */
const CHECK_EVERY_MS = 1_000;
const ZEROS_BYTES = 1024 * 1024;

/** Refuses before the disk is full, and keeps a reserve file that recovery may spend. */
export class DiskGuard {
  readonly #options: DiskGuardOptions;
  readonly #path: string;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #refusal: string | null = null;
  #warned = false;

  constructor(options: DiskGuardOptions) {
    this.#options = options;
    this.#path = join(options.folder, 'reserve');
  }

  /** Why nothing more should be written, or null. Looks at the disk once a second at most, and says at once what it knows. */
  refusal(): string | null | Promise<string | null> {
    const now = this.#options.clock.monotonic();
    if (now - this.#checkedAt < CHECK_EVERY_MS) return this.#refusal;
    this.#checkedAt = now;
    return this.#look();
  }

  async #look(): Promise<string | null> {
    const { io, folder, usedRatioMax } = this.#options;
    const { freeBytes, totalBytes } = await io.space(folder);
    const usedRatio = 1 - freeBytes / totalBytes;
    this.#warn(usedRatio);
    if (usedRatio >= usedRatioMax) this.#refusal = `${(usedRatio * 100).toFixed(1)} % of the disk is used`;
    else if (freeBytes < this.#reserveBytes(totalBytes)) this.#refusal = `only ${freeBytes} bytes of the disk are free`;
    else this.#refusal = null;
    return this.#refusal;
  }

  /** Once each time that it fills up so far: from the limit on events are refused. */
  #warn(usedRatio: number): void {
    const isHigh = usedRatio >= LOG_LIMITS.diskWarnRatio;
    if (isHigh && !this.#warned) {
      const [used, limit] = [usedRatio, this.#options.usedRatioMax].map((ratio) => `${(ratio * 100).toFixed(1)} %`);
      this.#options.log.warn('the disk is filling up: free some of it', { used, refuses_at: limit });
    }
    this.#warned = isHigh;
  }

  /** The next `refusal` looks at the disk. */
  forget(): void {
    this.#checkedAt = Number.NEGATIVE_INFINITY;
  }

  /** Makes the reserve file when there is room for it. */
  async keepReserve(): Promise<void> {
    const { io, folder } = this.#options;
    const { freeBytes, totalBytes } = await io.space(folder);
    const bytes = this.#reserveBytes(totalBytes);
    if (bytes === 0 || freeBytes < bytes * 3 || (await this.#reserved()) >= bytes) return;
    await this.spendReserve();
    try {
      await this.#allocate(bytes);
    } catch (error) {
      await this.spendReserve();
      if (!isDiskFull(error)) throw error;
    }
  }

  /** Gives its bytes back to the disk; answers whether there were any. */
  async spendReserve(): Promise<boolean> {
    const had = (await this.#reserved()) > 0;
    await removeIfThere(this.#options.io, this.#path);
    return had;
  }

  #reserveBytes(totalBytes: number): number {
    return Math.min(this.#options.reserveBytes, Math.floor(totalBytes * RESERVE_RATIO_MAX));
  }

  async #reserved(): Promise<number> {
    try {
      const file = await this.#options.io.open(this.#path, 'read');
      const bytes = await file.size();
      await file.close();
      return bytes;
    } catch (error) {
      if (isMissing(error)) return 0;
      throw error;
    }
  }

  /** Zeros are written: a hole would reserve nothing. */
  async #allocate(bytes: number): Promise<void> {
    const zeros = Buffer.alloc(Math.min(ZEROS_BYTES, bytes));
    const file = await this.#options.io.open(this.#path, 'create');
    try {
      for (let at = 0; at < bytes; at += zeros.length) {
        await file.write([zeros.subarray(0, Math.min(zeros.length, bytes - at))], at);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  }
}
