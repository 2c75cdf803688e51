import type { Socket } from 'node:net';
import { AzudError } from '../../error/azud-error.ts';
import type { ErrorCode } from '../../error/catalogue.ts';
import type { Message } from '../../event/batch.ts';
import type { Backlog, PublishResult } from '../driver.ts';
import { damaged } from './errors.ts';
import { checkRecord, decodeRecord, encodeRecord, recordBytes } from './record.ts';

/**
 * What the owner of the log and its clients say to each other on one host. A frame: length of the body u32, kind u8,
 * id of the request u32, body. Bodies are JSON but for messages, which travel as log records.
 */
export const FRAME = Object.freeze({
  /** Owner → client, first and unasked: epoch, terms and durable end. */
  hello: 1,
  /** Owner → client, unasked: the durable end moved. */
  end: 2,
  result: 3,
  error: 4,
  publish: 5,
  /** No answer is given. */
  ack: 6,
  release: 7,
  backlog: 8,
  find: 9,
});

export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

export interface Frame {
  readonly kind: number;
  readonly id: number;
  readonly body: Buffer;
}

const HEADER_BYTES = 9;

/** One end of the conversation. */
export class FrameConnection {
  readonly #socket: Socket;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #needed = HEADER_BYTES;

  constructor(socket: Socket, onFrame: (frame: Frame) => void) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk, onFrame));
  }

  /** False while the other side does not read fast enough. */
  get writable(): boolean {
    return this.#socket.writable && !this.#socket.writableNeedDrain;
  }

  get closed(): boolean {
    return this.#socket.destroyed;
  }

  send(kind: FrameKind, id: number, body: Buffer): void {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(body.length);
    header[4] = kind;
    header.writeUInt32LE(id, 5);
    this.#socket.cork();
    this.#socket.write(header);
    this.#socket.write(body);
    this.#socket.uncork();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Joins chunks only when a whole frame is there: a large one costs one copy. */
  #receive(chunk: Buffer, onFrame: (frame: Frame) => void): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    while (this.#bytes >= this.#needed) {
      const joined = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
      const end = HEADER_BYTES + joined.readUInt32LE();
      this.#chunks = [joined];
      this.#needed = end;
      if (joined.length < end) return;
      const frame = { kind: joined[4] ?? 0, id: joined.readUInt32LE(5), body: joined.subarray(HEADER_BYTES, end) };
      this.#chunks = [joined.subarray(end)];
      this.#bytes -= end;
      this.#needed = HEADER_BYTES;
      onFrame(frame);
    }
  }
}

export function toJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export function fromJson<T>(body: Buffer): T {
  return JSON.parse(body.toString('utf8')) as T;
}

export function encodeMessages(messages: readonly Message[]): Buffer {
  const body = Buffer.allocUnsafe(messages.reduce((sum, message) => sum + recordBytes(message), 0));
  let at = 0;
  messages.forEach((message, offset) => {
    at = encodeRecord(message, body, { at, offset, groupFirst: 0 });
  });
  return body;
}

/** @throws AzudError `log-damaged` */
export function decodeMessages(body: Buffer): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at < body.length; ) {
    const check = checkRecord(body, at, body.length);
    if (check.state !== 'whole') throw damaged('a publish over the socket', at, check.state);
    messages.push(decodeRecord(body, at));
    at += check.bytes;
  }
  return messages;
}

interface EncodedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly retryAfterSeconds?: number | undefined;
}

export function encodeError({ code, message, hint, retryAfterSeconds }: AzudError): EncodedError {
  return { code, message, hint, retryAfterSeconds };
}

export function decodeError({ code, message, hint, retryAfterSeconds }: EncodedError): AzudError {
  return new AzudError(code, message, { hint, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) });
}

export function encodeResults(results: readonly PublishResult[]): Buffer {
  return toJson(results.map((result) => ('error' in result ? { error: encodeError(result.error) } : result)));
}

export function decodeResults(body: Buffer): readonly PublishResult[] {
  const results = fromJson<({ error: EncodedError } | Extract<PublishResult, { position: unknown }>)[]>(body);
  return results.map((result) => ('error' in result ? { error: decodeError(result.error) } : result));
}

export function encodeBacklog({ queued, accepted, ...rest }: Backlog): Buffer {
  return toJson({ ...rest, queued: [...queued], accepted: accepted && [...accepted] });
}

export function decodeBacklog(body: Buffer): Backlog {
  type Encoded = Omit<Backlog, 'queued' | 'accepted'> & {
    queued: [string, number][];
    accepted: [string, number][] | null;
  };
  const { queued, accepted, ...rest } = fromJson<Encoded>(body);
  return { ...rest, queued: new Map(queued), accepted: accepted && new Map(accepted) };
}
