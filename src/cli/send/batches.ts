import { createHash } from 'node:crypto';
import { type FileFormat, splitEvents } from './splitter.ts';

/** Events in one request: what the loader writes as one unit in some ms. */
const BATCH_EVENTS_MAX = 1_000;
/** Bytes in one request; a fifth of what a server takes. */
const BATCH_BYTES_MAX = 1_000_000;

/** A part of a file that is sent as one request. The same file gives the same batches with the same keys, always. */
export interface FileBatch {
  /** From 0. */
  readonly index: number;
  /** The Idempotency-Key: of the dataset, the format and every byte of the file up to this batch's end. */
  readonly key: string;
  readonly body: Buffer;
  readonly contentType: string;
  readonly count: number;
  /** Row of the first event in the file, from 1. */
  readonly firstRow: number;
  /** Bytes of the file's events in it. */
  readonly bytes: number;
}

export interface BatchOptions {
  readonly dataset: string;
  readonly format: FileFormat;
  readonly eventsMax?: number;
  readonly bytesMax?: number;
}

const CONTENT_TYPES: Readonly<Record<FileFormat, string>> = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv',
};

/** @throws as `splitEvents` */
export async function* readBatches(
  chunks: AsyncIterable<Buffer | string>,
  { dataset, format, eventsMax = BATCH_EVENTS_MAX, bytesMax = BATCH_BYTES_MAX }: BatchOptions,
): AsyncGenerator<FileBatch> {
  const content = createHash('sha256').update(JSON.stringify([dataset, format]));
  let header: Buffer | null = null;
  let events: Buffer[] = [];
  let bytes = 0;
  let index = 0;
  let firstRow = 1;
  const close = (): FileBatch => {
    const key = content.copy().digest('base64url').slice(0, 32);
    const batch = {
      index,
      key,
      body: bodyOf(events, format, header),
      contentType: CONTENT_TYPES[format],
      count: events.length,
      firstRow,
      bytes,
    };
    firstRow += events.length;
    index++;
    events = [];
    bytes = 0;
    return batch;
  };
  for await (const event of splitEvents(chunks, format)) {
    if (format === 'csv' && header === null) {
      header = Buffer.from(event);
      content.update(header).update('\n');
      continue;
    }
    if (events.length === eventsMax || (events.length > 0 && bytes + event.length > bytesMax)) yield close();
    content.update(event).update('\n');
    events.push(event);
    bytes += event.length + 1;
  }
  if (events.length > 0) yield close();
}

function bodyOf(events: readonly Buffer[], format: FileFormat, header: Buffer | null): Buffer {
  if (format === 'json') return Buffer.concat([Buffer.from('['), joined(events, ','), Buffer.from(']')]);
  return joined(header === null ? events : [header, ...events], '\n');
}

function joined(parts: readonly Buffer[], separator: string): Buffer {
  const between = Buffer.from(separator);
  return Buffer.concat(parts.flatMap((part, at) => (at === 0 ? [part] : [between, part])));
}
