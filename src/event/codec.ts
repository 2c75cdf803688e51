import { AzudError } from '../error/azud-error.ts';
import { acceptedCount, type Batch, type Message, payloadSpanOf, type Reject } from './batch.ts';
import { type UuidBytes, uuidText } from './ids.ts';
import { SingleEvent } from './single-event.ts';
import type { Span } from './span.ts';

/**
 * Payload of a message: one line of JSON (the header), `\n`, then the event lines untouched.
 * Short keys: single events are the common case, and then the header is most of the record.
 */
interface Header {
  readonly v: 1;
  readonly src: string;
  readonly n: number;
  readonly ids?: readonly string[];
  readonly rows?: readonly number[];
  readonly x?: true;
  readonly rejects?: readonly EncodedReject[];
  readonly replays?: readonly string[];
  readonly discards?: Batch['discards'];
}

/** The original bytes may be anything, so they travel in base64. */
type EncodedReject = Omit<Reject, 'original'> & { readonly original: string };

/** A batch whose lines may lie in pieces, which encoding joins. */
export type BatchParts = Omit<Batch, 'id' | 'lines'> & {
  /** Null: `uuids` has it, and there need be no text of it. */
  readonly id: string | null;
  readonly lines: Buffer | readonly Buffer[];
};

export function encodeBatch(batch: BatchParts): Message {
  const { id, lines } = batch;
  const header = isSingleEvent(batch) ? SINGLE_EVENT_BYTES : Buffer.from(`${JSON.stringify(headerOf(batch))}\n`);
  const payload = Buffer.concat(Buffer.isBuffer(lines) ? [header, lines] : [header, ...lines]);
  if (id === null) return new StampedMessage(batch, payload);
  const { dataset, transactionId, receivedAt: time } = batch;
  // Without `uuids`: they have another id where the batch is a part of one.
  return { id, dataset, transactionId, events: acceptedCount(batch), time, payload };
}

/** Its id becomes a text for who asks: the embedded log writes it down as bytes. */
class StampedMessage implements Message {
  readonly dataset: string;
  readonly transactionId: string;
  readonly uuids: UuidBytes;
  readonly events: number;
  readonly time: number;
  readonly payload: Buffer;

  constructor(batch: BatchParts, payload: Buffer) {
    if (!batch.uuids) throw new TypeError('a batch has its id as a text or as bytes');
    this.dataset = batch.dataset;
    this.transactionId = batch.transactionId;
    this.uuids = batch.uuids;
    this.events = acceptedCount(batch);
    this.time = batch.receivedAt;
    this.payload = payload;
  }

  get id(): string {
    return uuidText(this.uuids.bytes, this.uuids.at);
  }
}

function headerOf(batch: BatchParts): Header {
  return {
    v: 1,
    src: batch.source,
    n: batch.count,
    ...(batch.ids && { ids: batch.ids }),
    ...(batch.rows && { rows: batch.rows }),
    ...(batch.extras && { x: true as const }),
    ...(batch.rejects.length > 0 && {
      rejects: batch.rejects.map((reject) => ({ ...reject, original: reject.original.toString('base64') })),
    }),
    ...(batch.replays && { replays: batch.replays }),
    ...(batch.discards.length > 0 && { discards: batch.discards }),
  };
}

/** The header of every plain single event over HTTP, which is most of what is encoded and decoded one by one. */
const SINGLE_EVENT_BYTES = Buffer.from(`${JSON.stringify({ v: 1, src: 'http', n: 1 } satisfies Header)}\n`);

function isSingleEvent({ count, source, ids, rows, extras, rejects, replays, discards }: BatchParts): boolean {
  const plain = ids === null && rows === null && replays === null && !extras;
  return plain && count === 1 && source === 'http' && rejects.length === 0 && discards.length === 0;
}

/** @throws AzudError `log-damaged` when the payload is not one of ours: its checksum held, so the writer was wrong. */
export function decodeBatch(message: Message): Batch {
  const span = payloadSpanOf(message);
  if (isSingleEventPayload(span)) return new SingleEvent(message, span, SINGLE_EVENT_BYTES.length);
  const { payload } = message;
  const end = payload.indexOf(0x0a);
  const header = parseHeader(message, payload, end);
  return {
    id: message.id,
    dataset: message.dataset,
    transactionId: message.transactionId,
    receivedAt: message.time,
    source: header.src,
    count: header.n,
    lines: payload.subarray(end + 1),
    ids: header.ids ?? null,
    rows: header.rows ?? null,
    extras: header.x ?? false,
    rejects: header.rejects?.map((reject) => ({ ...reject, original: Buffer.from(reject.original, 'base64') })) ?? NONE,
    replays: header.replays ?? null,
    discards: header.discards ?? NONE,
  };
}

const NONE: readonly never[] = Object.freeze([]);

/** Byte by byte: a call to compare them costs five times as much. */
function isSingleEventPayload({ bytes, from, to }: Span): boolean {
  if (to - from < SINGLE_EVENT_BYTES.length) return false;
  for (let at = 0; at < SINGLE_EVENT_BYTES.length; at += 1) {
    if (bytes[from + at] !== SINGLE_EVENT_BYTES[at]) return false;
  }
  return true;
}

function parseHeader(message: Message, payload: Buffer, end: number): Header {
  try {
    const header = JSON.parse(payload.toString('utf8', 0, end)) as Header;
    if (header.v === 1) return header;
  } catch {
    // Falls through to the one error below.
  }
  throw new AzudError('log-damaged', `batch ${message.id} of ${message.dataset} has a header this version cannot read`);
}
