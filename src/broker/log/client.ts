import { connect } from 'node:net';
import { join } from 'node:path';
import type { AzudError } from '../../error/azud-error.ts';
import type { Message } from '../../event/batch.ts';
import { backoffMs } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Io } from '../../lib/io.ts';
import type { Backlog, BrokerDriver, Located, Progress, PublishResult, Subscription } from '../driver.ts';
import { LOG_CAPABILITIES } from './capabilities.ts';
import { DurableEnd, type End } from './durable-end.ts';
import { naming, notOpen, otherCourse, otherEpoch, outcomeUnknown, ownerAway } from './errors.ts';
import { type Place, SegmentFolder } from './folder.ts';
import { LogReader, offsetOfProgress } from './reader.ts';
import {
  decodeBacklog,
  decodeError,
  decodeResults,
  encodeMessages,
  FRAME,
  type Frame,
  FrameConnection,
  type FrameKind,
  fromJson,
  toJson,
} from './socket-frames.ts';
import { findSocketPath } from './socket-path.ts';
import { type Course, lastShared, positionAt } from './terms.ts';

export interface LogClientOptions {
  readonly dataDir: string;
  readonly io: Io;
  readonly clock: Clock;
  /** How long `open` waits for the owner: both processes start together. */
  readonly patienceMs?: number;
}

const READING = 'reading the log';
const PATIENCE_MS = 5_000;
const RECONNECT = { firstMs: 20, maxMs: 500 };

interface Request {
  readonly resolve: (body: Buffer) => void;
  readonly reject: (error: AzudError) => void;
}

/**
 * The log of another process on this host. Records are read from the segment files themselves; the owner tells how far
 * they are durable, and does all writing. While the owner is away subscriptions wait and everything else fails.
 */
export class LogClient implements BrokerDriver {
  readonly capabilities = LOG_CAPABILITIES;
  readonly #options: LogClientOptions;
  readonly #path: string;
  #closing = new AbortController();
  readonly #requests = new Map<number, Request>();
  #requestId = 0;
  #folder: SegmentFolder | null = null;
  #connection: FrameConnection | null = null;
  #following: Promise<void> = Promise.resolve();
  #acked = 0;

  constructor(options: LogClientOptions) {
    this.#options = options;
    this.#path = join(options.dataDir, 'log');
  }

  async open(): Promise<void> {
    const { clock, patienceMs = PATIENCE_MS } = this.#options;
    // An open that failed may be tried again.
    if (this.#closing.signal.aborted) this.#closing = new AbortController();
    const connected = new AbortController();
    this.#following = this.#follow(() => connected.abort());
    await clock.sleep(patienceMs, AbortSignal.any([connected.signal, this.#closing.signal]));
    if (this.#folder) return;
    await this.close();
    throw ownerAway();
  }

  async publish(messages: readonly Message[]): Promise<readonly PublishResult[]> {
    return decodeResults(await this.#request(FRAME.publish, encodeMessages(messages)));
  }

  async subscribe(from: Progress): Promise<Subscription> {
    const folder = this.#opened();
    const after = await naming(READING, () => offsetOfProgress(folder, from));
    this.#markAcked(after);
    return new LogReader({ folder, clock: this.#options.clock, after, onAck: (offset) => this.#markAcked(offset) });
  }

  async backlog(after: Progress): Promise<Backlog> {
    return decodeBacklog(await this.#request(FRAME.backlog, toJson(after)));
  }

  async find(transactionId: string): Promise<readonly Located[]> {
    const places = fromJson<readonly Place[]>(await this.#request(FRAME.find, toJson(transactionId)));
    const folder = this.#opened();
    return naming(READING, () => folder.read(places));
  }

  async release(upTo: Progress): Promise<void> {
    await this.#request(FRAME.release, toJson(upTo));
  }

  refusal(): AzudError | null {
    return this.#connection ? null : ownerAway();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#connection?.close();
    this.#folder?.end.fail(notOpen());
    await this.#following;
  }

  #opened(): SegmentFolder {
    if (!this.#folder || this.#closing.signal.aborted) throw notOpen();
    return this.#folder;
  }

  #markAcked(offset: number): void {
    this.#acked = Math.max(this.#acked, offset);
    this.#connection?.send(FRAME.ack, 0, toJson(this.#acked));
  }

  #request(kind: FrameKind, body: Buffer): Promise<Buffer> {
    const connection = this.#connection;
    if (!connection) return Promise.reject(ownerAway());
    this.#requestId = (this.#requestId + 1) % 2 ** 32;
    const id = this.#requestId;
    return new Promise((resolve, reject) => {
      this.#requests.set(id, { resolve, reject });
      connection.send(kind, id, body);
    });
  }

  /** Stays connected: when the owner goes it tries until it is back. */
  async #follow(onConnected: () => void): Promise<void> {
    const { signal } = this.#closing;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const greeted = await this.#converse(onConnected);
      if (greeted) attempt = 0;
      for (const { reject } of this.#requests.values()) reject(outcomeUnknown());
      this.#requests.clear();
      await this.#options.clock.sleep(backoffMs(attempt, RECONNECT), signal);
    }
  }

  /** One connection, from its beginning to its end; true when the owner greeted. */
  async #converse(onConnected: () => void): Promise<boolean> {
    let greeted = false;
    const socket = connect(await findSocketPath(this.#path));
    // `close` follows every error, and the next try is the answer to both.
    socket.on('error', () => undefined);
    const connection = new FrameConnection(socket, (frame) => {
      if (frame.kind === FRAME.hello) {
        greeted = true;
        this.#greet(connection, fromJson<Hello>(frame.body));
        onConnected();
      } else {
        this.#hear(frame);
      }
    });
    const abort = () => connection.close();
    this.#closing.signal.addEventListener('abort', abort);
    if (this.#closing.signal.aborted) abort();
    await new Promise((resolve) => socket.once('close', resolve));
    this.#closing.signal.removeEventListener('abort', abort);
    this.#connection = null;
    return greeted;
  }

  #greet(connection: FrameConnection, { course, end }: Hello): void {
    const lost = this.#folder && breakBetween(this.#folder, course);
    if (this.#folder && !lost) {
      this.#folder.follow(course);
      this.#folder.end.advance(end);
    } else {
      if (lost) this.#folder?.end.fail(lost);
      this.#acked = 0;
      this.#folder = new SegmentFolder({ io: this.#options.io, path: this.#path, course, end: new DurableEnd(end) });
    }
    this.#connection = connection;
    if (this.#acked > 0) connection.send(FRAME.ack, 0, toJson(this.#acked));
  }

  #hear({ kind, id, body }: Frame): void {
    if (kind === FRAME.end) {
      this.#folder?.end.advance(fromJson<End>(body));
      return;
    }
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    if (kind === FRAME.error) request?.reject(decodeError(fromJson(body)));
    else request?.resolve(body);
  }
}

/** Why an owner's log is not the one that was read so far; null when it goes on with it. */
function breakBetween({ course, end }: SegmentFolder, next: Course): AzudError | null {
  if (course.epoch !== next.epoch) return otherEpoch(course.epoch, next.epoch);
  const { offset } = end.current;
  const shared = lastShared(next, positionAt(course, offset));
  return shared === null || offset > shared ? otherCourse(offset, shared) : null;
}

interface Hello {
  readonly course: Course;
  readonly end: End;
}
