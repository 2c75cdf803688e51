import { createHash } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { QUERY_LIMITS } from '../limits.ts';

/** Keeps the bytes of results for a while. In process here; a shared cache can take its place. */
export interface ResultCache {
  get(key: string): Promise<Buffer | null>;
  set(key: string, bytes: Buffer, ttlMs: number): Promise<void>;
  /** Forgets every key that begins so. */
  invalidate(prefix: string): Promise<void>;
}

interface Entry {
  readonly bytes: Buffer;
  /** Monotonic, ms. */
  readonly expiresAt: number;
}

/** The results used last, within a bound of entries and of bytes. */
export class MemoryCache implements ResultCache {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #limits: { readonly entriesMax: number; readonly bytesMax: number };
  /** In the order of use, oldest first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(
    clock: Pick<Clock, 'monotonic'>,
    limits: { readonly entriesMax: number; readonly bytesMax: number } = {
      entriesMax: QUERY_LIMITS.cacheEntriesMax,
      bytesMax: QUERY_LIMITS.cacheBytesMax,
    },
  ) {
    this.#clock = clock;
    this.#limits = limits;
  }

  async get(key: string): Promise<Buffer | null> {
    const entry = this.#entries.get(key);
    if (!entry) return null;
    this.#remove(key, entry);
    if (entry.expiresAt <= this.#clock.monotonic()) return null;
    this.#add(key, entry);
    return entry.bytes;
  }

  async set(key: string, bytes: Buffer, ttlMs: number): Promise<void> {
    const old = this.#entries.get(key);
    if (old) this.#remove(key, old);
    if (bytes.length > this.#limits.bytesMax) return;
    this.#add(key, { bytes, expiresAt: this.#clock.monotonic() + ttlMs });
    for (const [eldest, entry] of this.#entries) {
      if (this.#entries.size <= this.#limits.entriesMax && this.#bytes <= this.#limits.bytesMax) break;
      this.#remove(eldest, entry);
    }
  }

  async invalidate(prefix: string): Promise<void> {
    for (const [key, entry] of this.#entries) if (key.startsWith(prefix)) this.#remove(key, entry);
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes.length;
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes.length;
  }
}

/** A result that fits the cache, or the stream of one that does not. */
export type CachedResult =
  | { readonly bytes: Buffer; readonly etag: string }
  | { readonly chunks: AsyncIterable<Buffer>; readonly etag: null };

export interface Lookup {
  readonly key: string;
  readonly ttlMs: number;
  /** Makes the result when the cache has none. */
  readonly make: () => Promise<AsyncIterable<Buffer>>;
}

/**
 * Results through a cache. While one is being made, all who ask for the same wait for it: an expired entry under load
 * costs one query. A result too large to keep is streamed, to each his own.
 */
export class CachedResults {
  readonly #cache: ResultCache;
  readonly #entryBytesMax: number;
  /** In the making, by key; null: it turned out too large to share. */
  readonly #flights = new Map<string, Promise<Buffer | null>>();

  constructor(cache: ResultCache, entryBytesMax: number = QUERY_LIMITS.cacheEntryBytesMax) {
    this.#cache = cache;
    this.#entryBytesMax = entryBytesMax;
  }

  /** @throws whatever `make` throws, to all who wait */
  async get({ key, ttlMs, make }: Lookup): Promise<CachedResult> {
    const kept = await this.#cache.get(key);
    if (kept) return whole(kept);
    const flight = this.#flights.get(key);
    if (flight) {
      const shared = await flight;
      return shared ? whole(shared) : { chunks: await make(), etag: null };
    }
    const { promise, resolve, reject } = Promise.withResolvers<Buffer | null>();
    // Nobody may be waiting; the error is thrown below all the same.
    promise.catch(() => {});
    this.#flights.set(key, promise);
    try {
      const made = await collect(await make(), this.#entryBytesMax);
      if (!Buffer.isBuffer(made)) {
        resolve(null);
        return { chunks: made, etag: null };
      }
      await this.#cache.set(key, made, ttlMs);
      resolve(made);
      return whole(made);
    } catch (error) {
      reject(error);
      throw error;
    } finally {
      this.#flights.delete(key);
    }
  }
}

function whole(bytes: Buffer): CachedResult {
  return { bytes, etag: etagOf(bytes) };
}

/** A strong entity tag: equal tags mean equal bytes. */
export function etagOf(bytes: Buffer): string {
  return `"${createHash('sha256').update(bytes).digest('base64url')}"`;
}

/** All bytes when they are at most `bytesMax`, else what was read so far and the rest, as one stream. */
async function collect(chunks: AsyncIterable<Buffer>, bytesMax: number): Promise<Buffer | AsyncIterable<Buffer>> {
  const iterator = chunks[Symbol.asyncIterator]();
  const read: Buffer[] = [];
  let bytes = 0;
  for (let step = await iterator.next(); !step.done; step = await iterator.next()) {
    read.push(step.value);
    bytes += step.value.length;
    if (bytes > bytesMax) return joined(read, iterator);
  }
  return Buffer.concat(read);
}

async function* joined(read: Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* read;
    read.length = 0;
    for (let step = await rest.next(); !step.done; step = await rest.next()) yield step.value;
  } finally {
    await rest.return?.();
  }
}
