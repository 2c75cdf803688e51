import type { Link } from './connection.ts';
import { type Arrival, type Envelope, envelopeOf } from './envelope.ts';
import { behind, classified, foreign } from './errors.ts';
import { ALL, type Reached } from './places.ts';
import { Reader } from './reader.ts';
import { type Sums, storedSums, upToOf } from './sums.ts';
import { partitionAt, sumsSubject, type Topology } from './topology.ts';

/** Of the messages after some sequence. */
export interface Waiting {
  readonly messages: number;
  readonly bytes: number;
  readonly oldestTime: number | null;
  readonly queued: ReadonlyMap<string, number>;
}

/** A server that cannot be followed this fast is answered for as unavailable, ms. */
const CATCH_UP_MS = 30_000;

/**
 * Adds up a stream by reading the headers of its messages, once and then as they come: JetStream counts messages, and the
 * sums need events by dataset. About 100 bytes a message that is not released yet.
 */
export class Tally {
  readonly #reader: Reader;
  readonly #sums: string;
  readonly #where: string;
  readonly #closing = new AbortController();
  /** By partition, in the order of their sequences. */
  readonly #rows: readonly Row[][] = ALL.map(() => []);
  readonly #accepted = new Map<string, number>();
  readonly #waiters = new Set<Waiter>();
  readonly #names = new Map<string, string>();
  /** Of the stream, as its info tells it. */
  readonly created: string;
  #seen: number;
  #released: Sums;
  #failure: unknown = null;

  private constructor(reader: Reader, { topology, created, base }: TallyParts) {
    this.created = created;
    this.#released = base;
    this.#reader = reader;
    this.#sums = sumsSubject(topology);
    this.#where = `stream ${topology.stream}`;
    this.#seen = base.upTo;
    for (const [dataset, events] of Object.entries(base.accepted)) this.#accepted.set(dataset, events);
    this.#follow().catch((error: unknown) => this.#fail(error));
  }

  /** @throws AzudError `topic-missing`, `not-connected` */
  static async open(link: Link, topology: Topology, created: string): Promise<Tally> {
    const base = await storedSums(link, topology);
    const reader = await Reader.open({ link, stream: topology.stream, from: base.upTo + 1, headersOnly: true });
    return new Tally(reader, { topology, created, base });
  }

  get failed(): boolean {
    return this.#failure !== null;
  }

  /** Events ever accepted, by dataset. */
  get accepted(): ReadonlyMap<string, number> {
    return new Map(this.#accepted);
  }

  /** The last message of each partition. */
  get end(): Reached {
    return this.#rows.map((rows, partition) => rows.at(-1)?.sequence ?? this.#released.last[partition] ?? 0);
  }

  /** Resolves when everything up to the sequence is counted. @throws AzudError `not-connected`, `unavailable`, `log-damaged` */
  async reached(sequence: number): Promise<void> {
    if (this.#failure === null && this.#seen < sequence) {
      const step = Promise.withResolvers<void>();
      const waiter: Waiter = { sequence, resolve: step.resolve };
      this.#waiters.add(waiter);
      const late = setTimeout(step.resolve, CATCH_UP_MS);
      await step.promise;
      clearTimeout(late);
      this.#waiters.delete(waiter);
    }
    if (this.#seen >= sequence) return;
    throw this.#failure === null ? behind(this.#where, sequence) : classified(this.#failure, this.#where);
  }

  after(reached: Reached): Waiting {
    const queued = new Map<string, number>();
    let [messages, bytes, oldestTime] = [0, 0, Number.POSITIVE_INFINITY];
    for (const [partition, rows] of this.#rows.entries()) {
      const from = indexAfter(rows, reached[partition] ?? 0);
      messages += rows.length - from;
      for (let at = from; at < rows.length; at += 1) {
        const row = rows[at] as Row;
        bytes += row.bytes;
        oldestTime = Math.min(oldestTime, row.time);
        queued.set(row.dataset, (queued.get(row.dataset) ?? 0) + row.events);
      }
    }
    return { messages, bytes, oldestTime: messages === 0 ? null : oldestTime, queued };
  }

  /**
   * What was accepted up to the first message that a store of this progress has not; null where that is released already.
   */
  sumsUpTo(reached: Reached): Sums | null {
    const waiting = this.#rows.map((rows, at) => rows[indexAfter(rows, reached[at] ?? 0)]?.sequence);
    const first = Math.min(...waiting.map((sequence) => sequence ?? Number.POSITIVE_INFINITY));
    const last = this.#rows.map((rows, at) => {
      const before = rows[indexAfter(rows, first - 1) - 1];
      return before?.sequence ?? this.#released.last[at] ?? 0;
    });
    const upTo = Math.max(...last);
    if (upTo <= this.#released.upTo) return null;
    const accepted = new Map(this.#accepted);
    for (const [dataset, events] of this.after(last).queued) {
      accepted.set(dataset, (accepted.get(dataset) ?? 0) - events);
    }
    return { upTo, last, accepted: Object.fromEntries(accepted), sequence: this.#released.sequence };
  }

  /** Sequences of the messages that may be of the transaction. */
  candidates(transactionId: string): number[] {
    const key = keyOf(transactionId);
    const found = this.#rows.flatMap((rows) => rows.filter((row) => row.key === key));
    return found.map(({ sequence }) => sequence).sort((a, b) => a - b);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#reader.close();
  }

  async #follow(): Promise<void> {
    for (;;) {
      const message = await this.#reader.next(this.#closing.signal);
      if (message === null) return;
      this.#take(message.seq, message);
      this.#seen = message.seq;
      this.#wake();
    }
  }

  #take(sequence: number, arrival: Arrival): void {
    // What this or another process released is gone; what was accepted stays counted.
    if (arrival.subject === this.#sums) {
      this.#drop(upToOf(arrival), sequence);
      return;
    }
    const envelope = envelopeOf(arrival);
    if (!envelope) throw foreign(this.#where, sequence);
    const rows = this.#rows[partitionAt(arrival.subject)];
    if (!rows) throw foreign(this.#where, sequence);
    rows.push(this.#rowOf(sequence, envelope));
    this.#accepted.set(envelope.dataset, (this.#accepted.get(envelope.dataset) ?? 0) + envelope.events);
  }

  #rowOf(sequence: number, { dataset, events, payloadBytes, time, transactionId }: Envelope): Row {
    // One string a dataset instead of one a message.
    const name = this.#names.get(dataset) ?? dataset;
    this.#names.set(name, name);
    return { sequence, dataset: name, events, bytes: payloadBytes, time, key: keyOf(transactionId) };
  }

  #drop(upTo: number, sequence: number): void {
    const last = this.#rows.map((rows, partition) => {
      const gone = rows.splice(0, indexAfter(rows, upTo));
      return gone.at(-1)?.sequence ?? this.#released.last[partition] ?? 0;
    });
    this.#released = { ...this.#released, upTo: Math.max(upTo, this.#released.upTo), last, sequence };
  }

  #fail(error: unknown): void {
    this.#failure = error;
    this.#wake();
  }

  #wake(): void {
    for (const { sequence, resolve } of this.#waiters) {
      if (this.#failure !== null || this.#seen >= sequence) resolve();
    }
  }
}

/** Index of the first row after the sequence. */
function indexAfter(rows: readonly Row[], sequence: number): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle] as Row).sequence <= sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Waiter {
  readonly sequence: number;
  readonly resolve: () => void;
}

interface Row {
  readonly sequence: number;
  readonly dataset: string;
  readonly events: number;
  readonly bytes: number;
  readonly time: number;
  readonly key: number;
}

interface TallyParts {
  readonly topology: Topology;
  readonly created: string;
  readonly base: Sums;
}

/** Thirty-two bits of a transaction id that are random in every kind of UUID; the message itself settles the rest. */
function keyOf(transactionId: string): number {
  return Number.parseInt(transactionId.slice(-8), 16);
}
