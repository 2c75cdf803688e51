import type { Batch, Message } from './batch.ts';
import type { UuidBytes } from './ids.ts';

const NONE: readonly never[] = Object.freeze([]);

/**
 * The batch of one plain event that came over HTTP: all but its line is its message's, or goes without saying. Thousands of
 * them wait for their unit at a time, so each keeps next to nothing.
 */
export class SingleEvent implements Batch {
  readonly #message: Message;
  readonly #lineAt: number;
  #lines: Buffer | null = null;

  /** @param lineAt byte of the payload at which the event begins */
  constructor(message: Message, lineAt: number) {
    this.#message = message;
    this.#lineAt = lineAt;
  }

  get id(): string {
    return this.#message.id;
  }

  get dataset(): string {
    return this.#message.dataset;
  }

  get transactionId(): string {
    return this.#message.transactionId;
  }

  get uuids(): UuidBytes | undefined {
    return this.#message.uuids;
  }

  get receivedAt(): number {
    return this.#message.time;
  }

  get lines(): Buffer {
    this.#lines ??= this.#message.payload.subarray(this.#lineAt);
    return this.#lines;
  }

  get source(): string {
    return 'http';
  }

  get count(): number {
    return 1;
  }

  get ids(): null {
    return null;
  }

  get rows(): null {
    return null;
  }

  get extras(): boolean {
    return false;
  }

  get rejects(): readonly never[] {
    return NONE;
  }

  get replays(): null {
    return null;
  }

  get discards(): readonly never[] {
    return NONE;
  }
}
