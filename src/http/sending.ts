import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Answer } from './answer.ts';
import { isWorthFinishing, linger } from './body.ts';
import type { Exchange } from './exchange.ts';

/** Writes the answer; resolves when the last byte is handed over. A client that went away ends the body's iteration. */
export async function sendAnswer(exchange: Exchange, { status, headers, body }: Answer): Promise<void> {
  const { outgoing, incoming } = exchange;
  const raw = rawHeaders(exchange, headers);
  if (body === null || typeof body === 'string' || Buffer.isBuffer(body)) {
    if (status !== 204 && status !== 304)
      raw.push('content-length', String(body === null ? 0 : Buffer.byteLength(body)));
    outgoing.writeHead(status, raw);
    outgoing.end(body === null || incoming.method === 'HEAD' ? undefined : body);
    return;
  }
  // The first chunk is fetched before the status is said: a query that fails at once is a problem, not a cut 200.
  const rest = body[Symbol.asyncIterator]();
  const first = await rest.next();
  outgoing.writeHead(status, raw);
  if (incoming.method === 'HEAD') {
    // What is left of the query is not worth its while.
    await rest.return?.();
    outgoing.end();
    return;
  }
  await pipeline(Readable.from(joined(first, rest), { objectMode: false }), outgoing);
}

/** Writes a refusal. When the request's body is not worth reading to its end, the connection closes after the answer. */
export async function sendRefusal(exchange: Exchange, answer: Answer): Promise<void> {
  const { incoming, outgoing } = exchange;
  if (isWorthFinishing(incoming)) return sendAnswer(exchange, answer);
  const body = typeof answer.body === 'string' ? answer.body : '';
  const raw = rawHeaders(exchange, answer.headers);
  raw.push('content-length', String(Buffer.byteLength(body)), 'connection', 'close');
  outgoing.writeHead(answer.status, raw);
  outgoing.write(body);
  linger(incoming, () => outgoing.end());
}

function rawHeaders({ requestId, outgoing }: Exchange, headers: Answer['headers']): string[] {
  const raw = ['x-request-id', requestId, ...fieldsOf(headers)];
  if (!outgoing.shouldKeepAlive) raw.push('connection', 'close');
  return raw;
}

/** What every answer says, and its own headers. Flat name, value, name, value: the form that Node writes without copying. */
export function fieldsOf(headers: Answer['headers']): string[] {
  const fields = ['x-content-type-options', 'nosniff'];
  // Data belongs in no shared cache unless its endpoint says so.
  if (headers['cache-control'] === undefined) fields.push('cache-control', 'no-store');
  for (const name in headers) fields.push(name, headers[name] as string);
  return fields;
}

async function* joined<Chunk>(first: IteratorResult<Chunk>, rest: AsyncIterator<Chunk>): AsyncGenerator<Chunk> {
  try {
    for (let item = first; !item.done; item = await rest.next()) yield item.value;
  } finally {
    await rest.return?.();
  }
}
