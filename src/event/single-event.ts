import type { Batch, Message } from './batch.ts';
import type { UuidBytes } from './ids.ts';
import type { Span } from './span.ts';

const NONE: readonly never[] = Object.freeze([]);

/**
 * The batch of one plain event that came over HTTP: all but its line is its message's, or goes without saying. Thousands of
 * them wait for their unit at a time, so each keeps next to nothing.
 */
export class SingleEvent implements Batch, Span {
  readonly #message: Message;
  /** Where its line lies. */
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;

  /** @param payload where the message's payload lies. @param lineAt byte of it at which the event begins */
  constructor(message: Message, payload: Span, lineAt: number) {
    this.#message = message;
    this.bytes = payload.bytes;
    this.from = payload.from + lineAt;
    this.to = payload.to;
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
    return this.bytes.subarray(this.from, this.to);
  }

  get linesSpan(): Span {
    return this;
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
