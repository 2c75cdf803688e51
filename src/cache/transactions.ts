import type { Message } from '../event/batch.ts';
import { readTakenIn, type TakenIn, takenInOf, writeTakenIn } from '../event/taken-in.ts';
import { CACHE_LIMITS } from '../limits.ts';
import type { Metrics, Series } from '../telemetry/metrics.ts';
import type { Cache } from './cache.ts';

export interface TransactionsOptions {
  readonly cache: Cache;
  readonly ttlMs: number;
  readonly metrics: Metrics;
}

/**
 * Transactions on their way, for receipts: some brokers cannot find what they hold. Intake tells of each one here after
 * it is safe and does not wait; what the cache does not take is let go, and its receipt is there when it is stored.
 */
export class Transactions {
  readonly #cache: Cache;
  readonly #ttlMs: number;
  readonly #letGo: Series;
  #waiting: { readonly key: string; readonly text: string }[] = [];
  #telling: Promise<void> | null = null;

  constructor({ cache, ttlMs, metrics }: TransactionsOptions) {
    this.#cache = cache;
    this.#ttlMs = ttlMs;
    const { kind } = cache.capabilities;
    this.#letGo = metrics.counter('azud_cache_errors_total', { kind, operation: 'transactions' });
  }

  /** Other processes cannot see what this one was told. */
  get local(): boolean {
    return this.#cache.capabilities.sharing === 'process';
  }

  /** These messages are safe; all are of one transaction. Returns at once. */
  tell(messages: readonly Message[]): void {
    const [first] = messages;
    if (!first) return;
    if (this.#waiting.length >= CACHE_LIMITS.transactionsWaitingMax) {
      this.#letGo.inc();
      return;
    }
    this.#waiting.push({ key: keyOf(first.transactionId), text: writeTakenIn(takenInOf(messages)) });
    this.#telling ??= this.#tellAll();
  }

  /** Null: it was never told of, too long ago, or the cache is away. */
  async find(transactionId: string): Promise<TakenIn | null> {
    const [bytes] = (await this.#cache.get([keyOf(transactionId)])) ?? [];
    return bytes ? readTakenIn(bytes.toString()) : null;
  }

  /** Resolves when what was told is in the cache, or let go. */
  async close(): Promise<void> {
    await this.#telling;
  }

  /** While some are on their way the next ones gather. */
  async #tellAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const part = this.#waiting.slice(0, CACHE_LIMITS.transactionsTold);
      this.#waiting = this.#waiting.slice(part.length);
      const entries = part.map(({ key, text }) => ({ key, bytes: Buffer.from(text), ttlMs: this.#ttlMs }));
      // Added, not set: a retry under the same transaction must not reopen what the first one settled.
      if (!(await this.#cache.add(entries))) this.#letGo.inc(part.length);
    }
    this.#telling = null;
  }
}

function keyOf(transactionId: string): string {
  return `transaction:${transactionId.toLowerCase()}`;
}
