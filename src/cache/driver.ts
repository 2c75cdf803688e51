import type { AzudError } from '../error/azud-error.ts';

/**
 * The contract of a cache driver, the small sister of `BrokerDriver` and `StoreDriver`: it keeps bytes for a while,
 * classifies its errors into our codes, declares what it can do as data, and never retries. `Cache` (cache.ts) owns time
 * limits, rest after failures and metrics. Whatever it forgets early costs time and nothing else.
 */
export interface CacheDriver {
  readonly capabilities: CacheCapabilities;
  /**
   * Connects. After a failure it goes on trying by itself until it is closed.
   * @throws AzudError `not-connected`, `access-denied`, `invalid-config`
   */
  open(): Promise<void>;
  /** The values of these keys at one moment; null: never set, past its time, or forgotten. @throws AzudError `not-connected` at once when there is no connection */
  get(keys: readonly string[]): Promise<readonly (Buffer | null)[]>;
  /** Sets them, whatever was there. All or some. */
  set(entries: readonly CacheEntry[]): Promise<void>;
  /** Sets those that are absent. Answers the values then in force, in the order of the entries. */
  add(entries: readonly CacheEntry[]): Promise<readonly Buffer[]>;
  remove(keys: readonly string[]): Promise<void>;
  /** A call took too long: gives up all calls on their way, which fail, and connects anew. Undefined where there is no connection. */
  reset?(reason: AzudError): void;
  close(): Promise<void>;
}

export interface CacheCapabilities {
  readonly kind: string;
  /** Who sees the same entries: this process alone, or every process of the system. */
  readonly sharing: 'process' | 'network';
  /** Largest value worth keeping, bytes. */
  readonly entryBytesMax: number;
}

export interface CacheEntry {
  readonly key: string;
  readonly bytes: Buffer;
  /** From now, ms; at least 1. */
  readonly ttlMs: number;
}
