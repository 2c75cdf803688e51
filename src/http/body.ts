import type { IncomingMessage } from 'node:http';
import { AzudError } from '../error/azud-error.ts';
import { HTTP_LIMITS, INTAKE_LIMITS } from '../limits.ts';

const EMPTY = Buffer.alloc(0);

/** Bytes of the bodies that are still arriving at one door, together. */
export interface Arrivals {
  bytes: number;
  readonly bytesMax: number;
}

/**
 * Reads a whole request body. A body that says it is too long is refused before a byte of it is read; one that makes all
 * that are arriving too many is refused in the middle.
 * @throws AzudError `too-large`; `overloaded`; `bad-request` when the client goes away in the middle
 */
export function readBody(request: IncomingMessage, bytesMax: number, arrivals: Arrivals): Promise<Buffer> {
  if ((declaredBytes(request) ?? 0) > bytesMax) return Promise.reject(tooLarge(bytesMax));
  return new Promise((resolve, reject) => {
    let first: Buffer | null = null;
    let more: Buffer[] | null = null;
    let bytes = 0;
    const leave = () => {
      arrivals.bytes -= bytes;
      bytes = 0;
    };
    const refuse = (error: AzudError) => {
      request.removeAllListeners('data');
      leave();
      reject(error);
    };
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      arrivals.bytes += chunk.length;
      if (bytes > bytesMax) return refuse(tooLarge(bytesMax));
      // A body that arrives alone always may.
      if (arrivals.bytes > arrivals.bytesMax && arrivals.bytes > bytes) return refuse(overloaded(arrivals));
      // Nearly every single event comes in one chunk, which then needs no copy.
      if (first === null) first = chunk;
      else if (more === null) more = [first, chunk];
      else more.push(chunk);
    });
    request.on('end', () => {
      leave();
      resolve(more ? Buffer.concat(more) : (first ?? EMPTY));
    });
    request.on('error', () => refuse(new AzudError('bad-request', 'the body ended before its end')));
  });
}

/** False when so much of the body may still come that the connection is better closed than read to its end. */
export function isWorthFinishing(request: IncomingMessage): boolean {
  if (request.complete) return true;
  const declared = declaredBytes(request);
  return declared !== null && declared <= INTAKE_LIMITS.bodyBytesMax;
}

/**
 * Lets a client that is still sending see the answer: what comes is thrown away, for a short time and a bounded number
 * of bytes, then `done` is called. Closing at once would reset the connection, and the client's kernel would throw the
 * answer away.
 */
export function linger(request: IncomingMessage, done: () => void): void {
  let bytes = 0;
  const timer = setTimeout(done, HTTP_LIMITS.lingerMs);
  const finish = () => {
    clearTimeout(timer);
    done();
  };
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > HTTP_LIMITS.lingerBytesMax) finish();
  });
  request.once('end', finish);
  request.once('close', finish);
  request.resume();
}

/** Null where the request does not say (chunked). A request without a body says 0. */
function declaredBytes({ headers }: IncomingMessage): number | null {
  const declared = headers['content-length'];
  if (declared !== undefined) return Number(declared);
  return headers['transfer-encoding'] === undefined ? 0 : null;
}

function overloaded({ bytesMax }: Arrivals): AzudError {
  return new AzudError('overloaded', `${bytesMax} bytes of bodies are arriving already`, { retryAfterSeconds: 1 });
}

function tooLarge(bytesMax: number): AzudError {
  return new AzudError('too-large', `the body is larger than ${bytesMax} bytes`);
}
