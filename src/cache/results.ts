import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { CACHE_LIMITS } from '../limits.ts';
import type { Metrics, Series } from '../telemetry/metrics.ts';
import type { Cache } from './cache.ts';

/** A result that is whole and may be kept, or the stream of one that is too large. */
export type Result = { readonly bytes: Buffer } | { readonly chunks: AsyncIterable<Buffer> };

export interface Lookup {
  /** Says everything that the result depends on, but for what is stored. */
  readonly key: string;
  /** The datasets that it is made from: it is not given again once something was stored into one of them. */
  readonly datasets: readonly string[];
  readonly ttlMs: number;
  /** Makes the result when the cache has none. */
  readonly make: () => Promise<AsyncIterable<Buffer>>;
}

export interface ResultsOptions {
  readonly cache: Cache;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** What the cache said: the generations now in force, as one stamp, and the result that was made under them. */
interface Found {
  readonly stamp: Buffer;
  readonly bytes: Buffer | null;
}

const STAMP_BYTES = 16;
/** Between two looks for what another process makes, ms. */
const LOOK_FIRST_MS = 10;
const LOOK_MAX_MS = 100;

/**
 * Results through a cache.
 *
 * Each dataset has a **generation**, a random value that is replaced after something was stored into it. An entry carries
 * the generations that were in force before its query began, and is good while they are: a result that was made from
 * older rows, however late it is kept, is never given after the change. No entry has to be searched for and removed.
 *
 * While a result is being made, all who ask this process for the same wait for it; with a shared cache other processes
 * look for it for a while too. A result too large to keep is streamed, to each his own.
 */
export class Results {
  readonly #options: ResultsOptions;
  readonly #lookups: Readonly<Record<'hit' | 'miss' | 'shared', Series>>;
  /** In the making, by key and stamp; null: it turned out too large to share. */
  readonly #flights = new Map<string, Promise<Buffer | null>>();
  /** Changed, and the cache does not know. */
  readonly #untold = new Set<string>();
  #telling = false;
  readonly #closing = new AbortController();

  constructor(options: ResultsOptions) {
    this.#options = options;
    const { kind } = options.cache.capabilities;
    const series = (result: string) => options.metrics.counter('azud_cache_lookups_total', { kind, result });
    this.#lookups = { hit: series('hit'), miss: series('miss'), shared: series('shared') };
  }

  /** @throws whatever `make` throws, to all who wait in this process */
  async get(lookup: Lookup): Promise<Result> {
    const key = keyOf(lookup.key);
    const found = await this.#look(key, lookup.datasets);
    if (found?.bytes) {
      this.#lookups.hit.inc();
      return { bytes: found.bytes };
    }
    const flightKey = `${key} ${found?.stamp.toString('base64url')}`;
    const flight = this.#flights.get(flightKey);
    if (flight) {
      this.#lookups.shared.inc();
      const bytes = await flight;
      return bytes ? { bytes } : { chunks: await lookup.make() };
    }
    const { promise, resolve, reject } = Promise.withResolvers<Buffer | null>();
    // Nobody may be waiting; the error is thrown below all the same.
    promise.catch(() => {});
    this.#flights.set(flightKey, promise);
    try {
      const result = await this.#fly({ key, lookup, found });
      resolve('bytes' in result ? result.bytes : null);
      return result;
    } catch (error) {
      reject(error);
      throw error;
    } finally {
      this.#flights.delete(flightKey);
    }
  }

  /**
   * Something was stored into these datasets: what was made from them before is not given again, here or elsewhere.
   * While the cache is away nobody is given anything; it is told when it is back, and until then every entry has its time.
   */
  async changed(datasets: Iterable<string>): Promise<void> {
    for (const dataset of datasets) this.#untold.add(dataset);
    if (this.#untold.size > 0 && !(await this.#tell())) void this.#keepTelling();
  }

  close(): void {
    this.#closing.abort();
  }

  async #look(key: string, datasets: readonly string[]): Promise<Found | null> {
    const { cache } = this.#options;
    const names = datasets.map(generationKey);
    const values = await cache.get([key, ...names]);
    if (!values) return null;
    const [entry, ...known] = values;
    const generations = known.every((value) => value !== null) ? known : await cache.add(names.map(generation));
    if (!generations) return null;
    const stamp = createHash('sha256').update(Buffer.concat(generations)).digest().subarray(0, STAMP_BYTES);
    return { stamp, bytes: entry ? resultIn(entry, stamp) : null };
  }

  async #fly(flight: Flight): Promise<Result> {
    const { cache } = this.#options;
    const { key, found } = flight;
    if (!found || cache.capabilities.sharing === 'process') return this.#make(flight);
    const lock = lockKey(key, found.stamp);
    const me = randomBytes(STAMP_BYTES);
    const [owner = me] = (await cache.add([{ key: lock, bytes: me, ttlMs: CACHE_LIMITS.flightMs }])) ?? [];
    if (owner.equals(me)) return this.#make(flight).finally(() => cache.remove([lock]));
    const bytes = await this.#fromElsewhere(key, found.stamp);
    if (!bytes) return this.#make(flight);
    this.#lookups.shared.inc();
    return { bytes };
  }

  async #make({ key, lookup, found }: Flight): Promise<Result> {
    const { cache } = this.#options;
    this.#lookups.miss.inc();
    const made = await collect(await lookup.make(), cache.capabilities.entryBytesMax);
    if (!Buffer.isBuffer(made)) return { chunks: made };
    // Without the generations of before nobody could tell later whether it is still good.
    if (found) await cache.set([{ key, bytes: Buffer.concat([found.stamp, made]), ttlMs: lookup.ttlMs }]);
    return { bytes: made };
  }

  /** What another process is making now, once it is there; null: it gave up, or takes too long. */
  async #fromElsewhere(key: string, stamp: Buffer): Promise<Buffer | null> {
    const { cache, clock } = this.#options;
    const deadline = clock.monotonic() + CACHE_LIMITS.flightMs;
    for (let pauseMs = LOOK_FIRST_MS; clock.monotonic() < deadline; pauseMs = Math.min(LOOK_MAX_MS, pauseMs * 2)) {
      await clock.sleep(pauseMs, this.#closing.signal);
      const [entry, locked] = (await cache.get([key, lockKey(key, stamp)])) ?? [];
      const bytes = entry ? resultIn(entry, stamp) : null;
      if (bytes || !locked) return bytes;
    }
    return null;
  }

  /** False: the cache does not take it now. */
  async #tell(): Promise<boolean> {
    const told = [...this.#untold];
    // Emptied first: what changes again while this is on its way is told again.
    this.#untold.clear();
    const done = await this.#options.cache.set(told.map(generationKey).map(generation));
    if (!done) for (const dataset of told) this.#untold.add(dataset);
    return done;
  }

  async #keepTelling(): Promise<void> {
    if (this.#telling) return;
    this.#telling = true;
    const { signal } = this.#closing;
    while (this.#untold.size > 0 && !signal.aborted) {
      await this.#options.clock.sleep(CACHE_LIMITS.restFirstMs, signal);
      if (!signal.aborted) await this.#tell();
    }
    this.#telling = false;
  }
}

interface Flight {
  readonly key: string;
  readonly lookup: Lookup;
  readonly found: Found | null;
}

/** Of any length, and none of what it says can be read in the cache. */
function keyOf(key: string): string {
  return `result:${createHash('sha256').update(key).digest('base64url')}`;
}

function lockKey(key: string, stamp: Buffer): string {
  return `making:${key.slice(key.indexOf(':') + 1)}:${stamp.toString('base64url')}`;
}

function generationKey(dataset: string): string {
  return `generation:${dataset}`;
}

/** Random, not counted: one that the cache forgot is never used again, and with it every entry made under it. */
function generation(key: string) {
  return { key, bytes: randomBytes(STAMP_BYTES), ttlMs: CACHE_LIMITS.generationMs };
}

function resultIn(entry: Buffer, stamp: Buffer): Buffer | null {
  return entry.subarray(0, STAMP_BYTES).equals(stamp) ? entry.subarray(STAMP_BYTES) : null;
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
