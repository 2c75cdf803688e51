import { STATUS_CODES } from 'node:http';
import { systemClock } from '../lib/clock.ts';
import type { Answer, TextAnswer } from './answer.ts';
import { fieldsOf } from './sending.ts';

/** An answer as it goes over the wire where Node's server does not write it, in its words and its order. */
export function textOf({ status, headers, body }: TextAnswer, requestId: string, connection: string): string {
  const line = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nx-request-id: ${requestId}\r\n`;
  const size = `content-length: ${Buffer.byteLength(body)}\r\nDate: ${dateText()}\r\n${connection}\r\n\r\n`;
  return `${line}${fieldsText(headers)}${size}${body}`;
}

/** Of headers that are the same object each time; those of an accepted event are. */
const texts = new WeakMap<Answer['headers'], string>();

function fieldsText(headers: Answer['headers']): string {
  const known = texts.get(headers);
  if (known !== undefined) return known;
  const fields = fieldsOf(headers);
  let text = '';
  for (let at = 0; at < fields.length; at += 2) text += `${fields[at]}: ${fields[at + 1]}\r\n`;
  if (Object.isFrozen(headers)) texts.set(headers, text);
  return text;
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
