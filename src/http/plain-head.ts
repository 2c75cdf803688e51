import type { IncomingHttpHeaders } from 'node:http';
import { latin1 } from '../event/json/byte.ts';

/** The head of a POST that says nothing unusual. */
export interface PlainHead {
  /** Without a query. */
  readonly path: string;
  /** By lower-case name, each once. */
  readonly headers: IncomingHttpHeaders;
  /** Of the head, its empty line included. */
  readonly bytes: number;
  /** Content-Length: at least 1. */
  readonly bodyBytes: number;
}

/** `partial`: what is there may become a plain head. `other`: it never will. */
export type HeadRead = PlainHead | 'partial' | 'other';

const END = Buffer.from('\r\n\r\n');
const METHOD = Buffer.from('POST ');
/** Any other method, version, spelling of a line's end or byte beyond printable ASCII is not plain. */
const SHAPE = /^POST (\/[!-~]*) HTTP\/1\.1\r\n(?:[A-Za-z-]+:[\t\x20-\x7e]*\r\n)+\r\n$/;
const LENGTH = /^[1-9][0-9]{0,8}$/;
const FIELD_OF_LENGTH = /\r\ncontent-length:[\t ]*/i;

/**
 * Headers that mean to intake what they mean to Node, or nothing. One that is not here, or that stands twice, may change how
 * long the body is, how it is coded or whether it may come at all: then the request is not plain.
 */
const KNOWN = [
  'accept',
  'accept-encoding',
  'accept-language',
  'authorization',
  'cache-control',
  'connection',
  'content-length',
  'content-type',
  'forwarded',
  'host',
  'idempotency-key',
  'origin',
  'pragma',
  'priority',
  'referer',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'traceparent',
  'tracestate',
  'user-agent',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
];

/** By both usual spellings: to look a name up costs less than to make it small and have the engine find the one it knows. */
const NAMES: ReadonlyMap<string, string> = new Map(
  KNOWN.flatMap((name) => [
    [name, name],
    [name.replaceAll(/(^|-)./g, (first) => first.toUpperCase()), name],
  ]),
);

/**
 * Reads the head that begins in the first byte, if it is plain: the one spelling of HTTP that no two readers understand
 * differently. It refuses nothing: what is not plain is Node's to read.
 */
export function readPlainHead(bytes: Buffer, bytesMax: number): HeadRead {
  const end = bytes.indexOf(END);
  if (end < 0) return bytes.length < bytesMax && beginsPlain(bytes) ? 'partial' : 'other';
  const text = latin1(bytes, 0, end + END.length);
  const path = text.length <= bytesMax ? SHAPE.exec(text)?.[1] : undefined;
  const headers = path === undefined ? null : readFields(text);
  if (path === undefined || headers === null || headers.host === undefined) return 'other';
  const { connection, 'content-length': length = '' } = headers;
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return 'other';
  if (!LENGTH.test(length)) return 'other';
  return { path, headers, bytes: text.length, bodyBytes: Number(length) };
}

/** A head as it came, and what was read of it. */
interface Known {
  readonly bytes: Buffer;
  readonly head: PlainHead;
  /** Where the digits of its length stand. */
  readonly length: { readonly from: number; readonly to: number };
}

/**
 * Reads the heads of one connection. Nearly all of them are the same bytes as the one before, but perhaps for the digits of the
 * length, and then there is nothing else to read: a twentieth of what an event costs.
 */
export class HeadReader {
  #last: Known | null = null;

  /** As `readPlainHead`. */
  read(bytes: Buffer, bytesMax: number): HeadRead {
    const again = this.#last && sameHead(bytes, this.#last);
    if (again) return again;
    const head = readPlainHead(bytes, bytesMax);
    if (typeof head !== 'string') this.#last = known(bytes, head);
    return head;
  }
}

/** The head that begins in the first byte, if it is the known one, but perhaps for its length; else null. */
function sameHead(bytes: Buffer, { bytes: last, head, length: { from, to } }: Known): PlainHead | null {
  if (bytes.length < last.length) return null;
  if (last.compare(bytes, 0, last.length) === 0) return head;
  if (last.compare(bytes, 0, from, 0, from) !== 0 || last.compare(bytes, to, last.length, to) !== 0) return null;
  const length = latin1(bytes, from, to);
  if (!LENGTH.test(length)) return null;
  return { ...head, headers: { ...head.headers, 'content-length': length }, bodyBytes: Number(length) };
}

function known(bytes: Buffer, head: PlainHead): Known {
  // A copy: the bytes are a piece of what the socket brought.
  const copy = Buffer.from(bytes.subarray(0, head.bytes));
  const field = FIELD_OF_LENGTH.exec(latin1(copy, 0, copy.length));
  const from = field ? field.index + field[0].length : 0;
  return { bytes: copy, head, length: { from, to: from + String(head.bodyBytes).length } };
}

function beginsPlain(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, METHOD.length);
  return METHOD.compare(bytes, 0, length, 0, length) === 0;
}

/** The fields of a text of `SHAPE`; null where one is not known or stands twice. */
function readFields(text: string): IncomingHttpHeaders | null {
  const headers: IncomingHttpHeaders = {};
  const last = text.length - 2;
  for (let at = text.indexOf('\r\n') + 2; at < last; ) {
    const colon = text.indexOf(':', at);
    const end = text.indexOf('\r\n', colon);
    const written = text.slice(at, colon);
    const name = NAMES.get(written) ?? NAMES.get(written.toLowerCase());
    if (name === undefined || headers[name] !== undefined) return null;
    headers[name] = text.slice(colon + 1, end).trim();
    at = end + 2;
  }
  return headers;
}
