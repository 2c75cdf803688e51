import { AzudError, type RowError } from '../error/azud-error.ts';
import type { Message } from '../event/batch.ts';
import { type BatchParts, encodeBatch } from '../event/codec.ts';
import {
  deadLetterId,
  keyedEventId,
  keyedTransactionId,
  UUID_BYTES,
  type UuidBytes,
  uuidText,
  uuidV7,
  uuidV7Pair,
} from '../event/ids.ts';
import { codeOf, type Validator } from '../event/validator.ts';
import type { INTAKE_LIMITS } from '../limits.ts';
import { type EventBytes, Lines } from './lines.ts';

export interface DraftOptions {
  /** Null when the events choose their datasets. */
  readonly dataset: string | null;
  readonly idempotencyKey: string | null;
  readonly strict: boolean;
  /** ms since the epoch. */
  readonly now: number;
  readonly limits: Pick<typeof INTAKE_LIMITS, 'batchEventsMax' | 'errorsListedMax'>;
}

/** One refused row. */
export interface Refusal {
  readonly errors: readonly RowError[];
  /** The bytes as the client sent them. */
  readonly original: Buffer;
  readonly eventId: string | null;
}

/** A transaction in the making: readers hand it the rows of a request one by one, in order. */
export class Draft {
  readonly transactionId: string;
  /** The ids of the first batch and of the transaction; null where a key makes the second. */
  readonly #uuids: UuidBytes | null;
  readonly #options: DraftOptions;
  readonly #lines = new Map<string, Lines>();
  #errors: RowError[] = [];
  #rows = 0;
  #rejected = 0;
  #objects = 0;
  #firstRefused: readonly RowError[] = [];

  constructor(options: DraftOptions) {
    this.#options = options;
    const { dataset, idempotencyKey, now } = options;
    if (idempotencyKey === null) {
      this.#uuids = uuidV7Pair(now);
      this.transactionId = uuidText(this.#uuids.bytes, this.#uuids.at + UUID_BYTES);
    } else {
      this.#uuids = null;
      this.transactionId = keyedTransactionId(dataset ?? '', idempotencyKey);
    }
  }

  /** Counts one more row. @throws AzudError `batch-too-large` */
  #nextRow(): number {
    const { batchEventsMax } = this.#options.limits;
    if (this.#rows >= batchEventsMax) {
      throw new AzudError('batch-too-large', `the request has more than ${batchEventsMax} events`);
    }
    this.#rows += 1;
    return this.#rows;
  }

  /**
   * The event that `validator` read last, in these bytes: accepted, or refused with its errors. The id that the dataset's
   * own pointer finds in the event goes before `clientId`.
   * @throws AzudError `batch-too-large`, `too-large`
   */
  take(validator: Validator, bytes: EventBytes, clientId: string | null = null): void {
    const { errors } = validator;
    const eventId = validator.eventId ?? clientId;
    if (errors.length > 0) {
      const original = bytes.body.subarray(bytes.from, bytes.to);
      this.refuse(validator.dataset.name, { errors, original, eventId });
      return;
    }
    const row = this.#nextRow();
    this.#objects += 1;
    const { idempotencyKey } = this.#options;
    const { name } = validator.dataset;
    const id = eventId ?? (idempotencyKey === null ? null : keyedEventId(name, idempotencyKey, row));
    const lines = this.#linesOf(name);
    if (validator.extras) lines.extras = true;
    lines.add(bytes, row, id);
  }

  /** A row that is no event of the dataset. @throws AzudError `batch-too-large`, `too-large`, `line-too-long` */
  refuse(dataset: string, { errors, original, eventId }: Refusal): void {
    const row = this.#nextRow();
    const { idempotencyKey } = this.#options;
    const [first] = errors;
    if (!first) throw new TypeError('a refused row has an error');
    const code = codeOf(first);
    // A dead letter must travel through the broker as the event would have: what is too large for it is nobody's.
    if (code === 'too-large') throw new AzudError(code, `row ${row}: ${first.message}`);
    if (code !== 'not-an-event') this.#objects += 1;
    this.#rejected += 1;
    if (this.#rejected === 1) this.#firstRefused = errors;
    const room = this.#options.limits.errorsListedMax - this.#errors.length;
    for (const error of errors.slice(0, Math.max(0, room))) this.#errors.push({ row, ...error });
    const { path, message } = first;
    const id = deadLetterId(this.transactionId, row);
    // Replayed, the row has the id that it would have had: then the same request sent again finds it there.
    const ownId = eventId ?? (idempotencyKey === null ? null : keyedEventId(dataset, idempotencyKey, row));
    const { code: reason } = first;
    this.#linesOf(dataset).rejects.push({ id, row, code: reason, message, path, original, eventId: ownId });
  }

  /**
   * The messages to publish and the answer to give then.
   * @throws AzudError the error of the one event, when there is but one and it was refused; `not-an-event`, `batch-rejected`
   */
  finish(): { readonly messages: readonly Message[]; readonly result: DraftResult } {
    const errors = this.#errors;
    const [first] = this.#firstRefused;
    if (this.#rows === 0) throw new AzudError('not-an-event', 'the body holds no event');
    if (first && this.#rows === 1) throw new AzudError(codeOf(first), first.message, { errors, path: first.path });
    if (first && this.#objects === 0) throw new AzudError('not-an-event', 'no row is a JSON object', { errors });
    if (first && this.#options.strict) {
      throw new AzudError('batch-rejected', `${this.#rejected} of ${this.#rows} events do not fit; nothing was kept`, {
        errors,
      });
    }
    const messages: Message[] = [];
    for (const [dataset, lines] of this.#lines) {
      messages.push(encodeBatch(this.#batch(dataset, lines, messages.length === 0 ? this.#uuids : null)));
    }
    const [dataset = null] = this.#lines.keys();
    return {
      messages,
      result: {
        transactionId: this.transactionId,
        dataset: this.#options.dataset ?? (this.#lines.size === 1 ? dataset : null),
        accepted: this.#rows - this.#rejected,
        rejected: this.#rejected,
        errors,
      },
    };
  }

  #linesOf(dataset: string): Lines {
    let lines = this.#lines.get(dataset);
    if (!lines) {
      lines = new Lines();
      this.#lines.set(dataset, lines);
    }
    return lines;
  }

  #batch(dataset: string, lines: Lines, uuids: UuidBytes | null): BatchParts {
    return {
      id: uuids ? null : uuidV7(this.#options.now),
      dataset,
      transactionId: this.transactionId,
      uuids: uuids ?? undefined,
      receivedAt: this.#options.now,
      source: 'http',
      count: lines.count,
      lines: lines.pieces(),
      ids: lines.ids,
      rows: lines.rows,
      extras: lines.extras,
      rejects: lines.rejects,
      replays: null,
      discards: [],
    };
  }
}

export interface DraftResult {
  readonly transactionId: string;
  readonly dataset: string | null;
  readonly accepted: number;
  readonly rejected: number;
  readonly errors: readonly RowError[];
}
