import type { Clock } from '../../lib/clock.ts';
import { CACHE_LIMITS } from '../../limits.ts';
import type { CacheCapabilities, CacheDriver, CacheEntry } from '../driver.ts';

export interface MemoryContext {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly entriesMax?: number;
  readonly bytesMax?: number;
}

interface Kept {
  readonly bytes: Buffer;
  /** Monotonic, ms. */
  readonly expiresAt: number;
}

/** The entries used last, within a bound of entries and of bytes. */
export class MemoryDriver implements CacheDriver {
  readonly capabilities: CacheCapabilities = {
    kind: 'memory',
    sharing: 'process',
    entryBytesMax: CACHE_LIMITS.entryBytesMax,
  };
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #entriesMax: number;
  readonly #bytesMax: number;
  /** In the order of use, oldest first. */
  readonly #entries = new Map<string, Kept>();
  #bytes = 0;

  constructor({ clock, entriesMax = CACHE_LIMITS.entriesMax, bytesMax = CACHE_LIMITS.bytesMax }: MemoryContext) {
    this.#clock = clock;
    this.#entriesMax = entriesMax;
    this.#bytesMax = bytesMax;
  }

  async open(): Promise<void> {}

  async get(keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
    return keys.map((key) => this.#use(key));
  }

  async set(entries: readonly CacheEntry[]): Promise<void> {
    for (const entry of entries) this.#put(entry);
  }

  async add(entries: readonly CacheEntry[]): Promise<readonly Buffer[]> {
    return entries.map((entry) => {
      const kept = this.#use(entry.key);
      if (!kept) this.#put(entry);
      return kept ?? entry.bytes;
    });
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#drop(key);
  }

  async close(): Promise<void> {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #use(key: string): Buffer | null {
    const kept = this.#entries.get(key);
    if (!kept) return null;
    this.#drop(key);
    if (kept.expiresAt <= this.#clock.monotonic()) return null;
    this.#keep(key, kept);
    return kept.bytes;
  }

  #put({ key, bytes, ttlMs }: CacheEntry): void {
    this.#drop(key);
    if (bytes.length > this.#bytesMax) return;
    this.#keep(key, { bytes, expiresAt: this.#clock.monotonic() + ttlMs });
    for (const eldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#entriesMax && this.#bytes <= this.#bytesMax) break;
      this.#drop(eldest);
    }
  }

  #keep(key: string, kept: Kept): void {
    this.#entries.set(key, kept);
    this.#bytes += kept.bytes.length;
  }

  #drop(key: string): void {
    const kept = this.#entries.get(key);
    if (!kept) return;
    this.#entries.delete(key);
    this.#bytes -= kept.bytes.length;
  }
}
