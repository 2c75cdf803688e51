import { STATUS_CODES } from 'node:http';
import { systemClock } from '../lib/clock.ts';
import type { TextAnswer } from './answer.ts';
import { fieldsOf } from './sending.ts';

/** An answer as it goes over the wire. */
interface WireText {
  readonly text: string;
  /** Latin-1 where the text is ASCII, which is the same bytes: the engine copies it and need not look for what is longer. */
  readonly encoding: 'latin1' | 'utf8';
}

/** An answer where Node's server does not write it, in its words and its order. */
export function textOf(answer: TextAnswer, requestId: string, connection: string): WireText {
  const { body } = answer;
  const bytes = Buffer.byteLength(body);
  const { before, after } = headOf(answer, bytes, connection);
  return { text: before + requestId + after + body, encoding: bytes === body.length ? 'latin1' : 'utf8' };
}

/** The texts of a head around the request's id, and what they say. */
interface Head extends Pick<TextAnswer, 'status' | 'headers'> {
  readonly bytes: number;
  readonly connection: string;
  readonly date: string;
  readonly before: string;
  readonly after: string;
}

let last: Head | null = null;

/** Of one accepted event and the next it is the same, within a second: their headers are the same object. */
function headOf({ status, headers }: TextAnswer, bytes: number, connection: string): Head {
  const date = dateText();
  const known = last;
  if (known?.headers === headers && known.status === status && known.bytes === bytes) {
    if (known.connection === connection && known.date === date) return known;
  }
  const head = { status, headers, bytes, connection, date, ...textsOf({ status, headers }, [bytes, date, connection]) };
  // Headers that may change are read each time.
  if (Object.isFrozen(headers)) last = head;
  return head;
}

function textsOf(
  { status, headers }: Pick<TextAnswer, 'status' | 'headers'>,
  [bytes, date, connection]: readonly [number, string, string],
): Pick<Head, 'before' | 'after'> {
  const before = ['HTTP/1.1', status, `${STATUS_CODES[status]}\r\nx-request-id:`, ''].join(' ');
  const fields = fieldsOf(headers);
  const lines = [''];
  for (let at = 0; at < fields.length; at += 2) lines.push(`${fields[at]}: ${fields[at + 1]}`);
  lines.push(`content-length: ${bytes}`, `Date: ${date}`, connection, '', '');
  // Joined they are flat, where a template's pieces are put together anew by each that is written.
  return { before, after: lines.join('\r\n') };
}

/** Said of the connection in its last answer. */
export const CLOSES = 'Connection: close';

interface Kept {
  readonly keepAliveTimeoutMs: number;
  readonly requestsPerSocketMax: number;
}

/** Said in every other one. */
export function keeps({ keepAliveTimeoutMs, requestsPerSocketMax }: Kept): string {
  const seconds = Math.floor(keepAliveTimeoutMs / 1_000);
  return `Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}, max=${requestsPerSocketMax}`;
}

let dateSecond = 0;
let date = '';

/** Made once a second. */
function dateText(): string {
  const second = Math.floor(systemClock.now() / 1_000);
  if (second !== dateSecond) {
    dateSecond = second;
    date = new Date(second * 1_000).toUTCString();
  }
  return date;
}
