import { createHash } from 'node:crypto';
import { HTTP_LIMITS } from '../limits.ts';
import type { Answer } from './answer.ts';
import type { RouteRequest } from './routes/route.ts';

/** What a read gives back, before it is known whether the caller has it already. */
export interface Entity {
  readonly contentType: string;
  /** Whole, or as it is made. */
  readonly body: Buffer | AsyncIterable<Buffer>;
  /** Seconds for `Cache-Control: max-age`; null when it has to be asked for again each time. */
  readonly maxAgeSeconds: number | null;
}

/**
 * The answer of a read: with a strong entity tag when it is whole or small, and 304 without a body for a caller who has
 * these very bytes. What is longer is streamed, without a tag.
 */
export async function entityAnswer(
  { contentType, body, maxAgeSeconds }: Entity,
  request: RouteRequest,
): Promise<Answer> {
  const vary = 'accept, authorization';
  const kept = maxAgeSeconds === null ? null : `private, max-age=${maxAgeSeconds}`;
  const whole = Buffer.isBuffer(body) ? body : await wholeIfSmall(body);
  if (!Buffer.isBuffer(whole)) {
    const headers = { 'content-type': contentType, vary, ...(kept !== null && { 'cache-control': kept }) };
    return { status: 200, headers, body: whole };
  }
  const etag = etagOf(whole);
  // Its tag is of use only to a caller who may keep it, and asks.
  const caching = { vary, 'cache-control': kept ?? 'private, no-cache', etag };
  if (matches(request.headers['if-none-match'], etag)) return { status: 304, headers: caching, body: null };
  return { status: 200, headers: { 'content-type': contentType, ...caching }, body: whole };
}

async function wholeIfSmall(chunks: AsyncIterable<Buffer>): Promise<Buffer | AsyncIterable<Buffer>> {
  const rest = chunks[Symbol.asyncIterator]();
  const read: Buffer[] = [];
  let bytes = 0;
  for (let item = await rest.next(); !item.done; item = await rest.next()) {
    read.push(item.value);
    bytes += item.value.length;
    if (bytes > HTTP_LIMITS.taggedBytesMax) return continued(read, rest);
  }
  return Buffer.concat(read);
}

async function* continued(read: readonly Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* read;
    for (let item = await rest.next(); !item.done; item = await rest.next()) yield item.value;
  } finally {
    await rest.return?.();
  }
}

/** Strong: equal tags mean equal bytes. */
function etagOf(bytes: Buffer): string {
  return `"${createHash('sha256').update(bytes).digest('base64url')}"`;
}

/** The weak comparison of RFC 9110, 13.1.2. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === '*' || header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
