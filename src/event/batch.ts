import type { UuidBytes } from './ids.ts';
import { type Span, spanOf } from './span.ts';

/** Where a refused event was refused. */
export type DeadStage = 'intake' | 'enrich' | 'store';

/** A row of a batch that intake refused and keeps as a dead letter. */
export interface Reject {
  /** Dead letter id (UUID). */
  readonly id: string;
  /** Row in the request, from 1. */
  readonly row: number;
  readonly code: string;
  readonly message: string;
  /** JSON Pointer into the event. */
  readonly path: string;
  /** The bytes as the client sent them; they need not be UTF-8. */
  readonly original: Buffer;
  /** The client's event id, if it could be read. */
  readonly eventId: string | null;
}

/**
 * The events of one dataset that travel together: published, delivered and written as one unit.
 * Every number of events below is exact; the conservation check adds them up.
 * It may make its parts when they are asked for, so it is copied by name (`copyOf`), never by a spread.
 */
export interface Batch {
  /** UUIDv7. Brokers without positions dedupe by it. */
  readonly id: string;
  readonly dataset: string;
  /** UUID; names the receipt. */
  readonly transactionId: string;
  /** Both of them, `id` first, where they are at hand as bytes: whoever writes down thousands needs no string of each. */
  readonly uuids?: UuidBytes | undefined;
  /** ms since the epoch, by the intake's clock. */
  readonly receivedAt: number;
  /** What brought it: `http`, `replay`, later a poller's name. */
  readonly source: string;
  /** Lines in `lines`. */
  readonly count: number;
  /** NDJSON: `count` events as compact-enough JSON, each ended by one `\n`; no other `\n` inside. */
  readonly lines: Buffer;
  /** Where they lie, when that is in a larger buffer: whoever copies thousands of them needs no Buffer of each. */
  readonly linesSpan?: Span | undefined;
  /**
   * Event ids from the client (or derived from an idempotency key), one a line: only these can be duplicates.
   * Null: ids are made from `transactionId` and the line's number, see `eventIdAt`.
   */
  readonly ids: readonly string[] | null;
  /** Rows in the request of each line, from 1; null when line i is row i + 1. */
  readonly rows: readonly number[] | null;
  /** True when some event has a property that the schema does not name. */
  readonly extras: boolean;
  /** Rows refused at intake. They count as accepted (Azud keeps them) and at once as dead. */
  readonly rejects: readonly Reject[];
  /**
   * Replay: the dead letter that each line takes the place of, one a line. Such a batch accepts nothing new:
   * for each line that is stored (or is a duplicate) one dead letter goes.
   */
  readonly replays: readonly string[] | null;
  /** Dead letters closed for good, with the reason given. They stay dead in every sum. */
  readonly discards: readonly { readonly id: string; readonly reason: string }[];
}

/** The same batch with all its parts at hand. */
export function copyOf(batch: Batch): Batch {
  const { id, dataset, transactionId, receivedAt, source, count, lines } = batch;
  const { ids, rows, extras, rejects, replays, discards } = batch;
  return {
    id,
    dataset,
    transactionId,
    receivedAt,
    source,
    count,
    lines,
    ids,
    rows,
    extras,
    rejects,
    replays,
    discards,
  };
}

/** Where the lines lie. */
export function linesSpanOf(batch: Pick<Batch, 'lines' | 'linesSpan'>): Span {
  return batch.linesSpan ?? spanOf(batch.lines);
}

/** Events that this batch adds to `accepted`. */
export function acceptedCount(batch: Pick<Batch, 'count' | 'rejects' | 'replays'>): number {
  return batch.replays ? 0 : batch.count + batch.rejects.length;
}

/**
 * The one form in which a batch crosses a broker: metadata that a broker may index, and opaque bytes.
 * Made by `encodeBatch`, read by `decodeBatch` (codec.ts). Like a batch it may make its parts when they are asked for.
 */
export interface Message {
  /** The batch's id. */
  readonly id: string;
  readonly dataset: string;
  readonly transactionId: string;
  /** As in `Batch`. */
  readonly uuids?: UuidBytes | undefined;
  /** `acceptedCount` of the batch: what conservation adds up without opening the payload. */
  readonly events: number;
  /** The batch's `receivedAt`, ms. */
  readonly time: number;
  readonly payload: Buffer;
  /** Where it lies, as in `Batch`. */
  readonly payloadSpan?: Span | undefined;
}

/** Where the payload lies. */
export function payloadSpanOf(message: Message): Span {
  return message.payloadSpan ?? spanOf(message.payload);
}
