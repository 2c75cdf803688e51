import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '../../lib/clock.ts';
import { ALL } from './places.ts';

export interface LoadersOptions {
  /** The connection as it is now; a new one after it broke. */
  readonly nats: () => Promise<NatsConnection>;
  /** Where the loaders of one group tell of themselves: an ordinary subject, of which nothing is kept. */
  readonly subject: string;
  readonly clock: Clock;
  readonly limits?: typeof LIMITS;
}

/** Of the loaders, ms. A loader that is not heard for five beats is taken for dead, and its share is divided. */
const LIMITS = Object.freeze({ beatMs: 1_000, goneMs: 5_000, settleMs: 100 });

/** What a loader tells: that it is there, or that it goes. */
interface Beat {
  readonly id: string;
  readonly leaving: boolean;
}

/**
 * Who loads into one store, and which partitions are this one's share. Loaders tell of themselves and reckon alike from
 * what they hear; no one decides. While they disagree, a partition is read by two (the store takes each batch once), or
 * by none for a moment, never written twice and never lost: the store's progress in it says where to go on.
 */
export class Loaders {
  readonly #options: LoadersOptions;
  readonly #limits: typeof LIMITS;
  readonly #id = randomUUID();
  /** When each of the others was heard last, ms of the monotonic clock. */
  readonly #heard = new Map<string, number>();
  readonly #closing = new AbortController();
  readonly #settled: Promise<void>;
  readonly #running: Promise<void>;
  #nats: NatsConnection | null = null;
  #share = ALL;
  #moved = new AbortController();

  constructor(options: LoadersOptions) {
    this.#options = options;
    this.#limits = options.limits ?? LIMITS;
    const { settleMs } = this.#limits;
    this.#settled = this.#beat().then(() => options.clock.sleep(settleMs, this.#closing.signal));
    this.#running = this.#run();
  }

  /** The partitions of this loader, and a signal that aborts when they are others. Waits for the first answers. */
  async share(): Promise<{ readonly partitions: readonly number[]; readonly moved: AbortSignal }> {
    await this.#settled;
    return { partitions: this.#share, moved: this.#moved.signal };
  }

  /** Tells the others, so that they need not wait. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    this.#tell({ id: this.#id, leaving: true });
    await this.#nats?.flush().catch(() => {});
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    await this.#settled;
    while (!signal.aborted) {
      await clock.sleep(this.#limits.beatMs, signal);
      if (signal.aborted) return;
      await this.#beat();
      this.#forget();
    }
  }

  /** Never rejects: a loader that cannot tell of itself is taken for dead, which costs order, and no event. */
  async #beat(): Promise<void> {
    const nats = await this.#options.nats().catch(() => null);
    if (nats && nats !== this.#nats) void this.#listen(nats);
    this.#nats = nats;
    this.#tell({ id: this.#id, leaving: false });
  }

  #tell(beat: Beat): void {
    if (!this.#nats || this.#nats.isClosed()) return;
    this.#nats.publish(this.#options.subject, JSON.stringify(beat));
  }

  /** Ends with the connection, or when this user may not read the subject: then it takes itself for alone. */
  async #listen(nats: NatsConnection): Promise<void> {
    try {
      for await (const { data } of nats.subscribe(this.#options.subject)) this.#hear(beatOf(data));
    } catch {
      // The next beat listens again, on a connection that lives.
    }
  }

  #hear(beat: Beat | null): void {
    if (!beat) return;
    const { id, leaving } = beat;
    if (id === this.#id || this.#closing.signal.aborted) return;
    const known = this.#heard.has(id);
    if (leaving) this.#heard.delete(id);
    else this.#heard.set(id, this.#options.clock.monotonic());
    // Whoever is new need not wait for the next beat to know of this one.
    if (!known && !leaving) this.#tell({ id: this.#id, leaving: false });
    this.#divide();
  }

  #forget(): void {
    const since = this.#options.clock.monotonic() - this.#limits.goneMs;
    for (const [id, at] of this.#heard) if (at < since) this.#heard.delete(id);
    this.#divide();
  }

  /** Everyone sorts the same ids, and takes every n-th partition. */
  #divide(): void {
    const ids = [this.#id, ...this.#heard.keys()].sort();
    const place = ids.indexOf(this.#id);
    const share = ALL.filter((partition) => partition % ids.length === place);
    if (share.join() === this.#share.join()) return;
    this.#share = share;
    this.#moved.abort();
    this.#moved = new AbortController();
  }
}

/** Null when it is not from a loader of ours. */
function beatOf(data: Uint8Array): Beat | null {
  try {
    const { id, leaving } = JSON.parse(new TextDecoder().decode(data)) as Partial<Beat>;
    return typeof id === 'string' ? { id, leaving: leaving === true } : null;
  } catch {
    return null;
  }
}
