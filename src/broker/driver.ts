import type { AzudError } from '../error/azud-error.ts';
import type { Message } from '../event/batch.ts';

/**
 * The contract of a broker driver. A driver moves bytes, classifies its errors into our codes, declares what it can do
 * as data, and never retries: `Broker` (broker.ts) owns batching, retry, limits and metrics. The conformance suite in
 * `conformance/` says the same in tests.
 */
export interface BrokerDriver {
  readonly capabilities: BrokerCapabilities;
  /** What it needs on its server; absent where there is none. */
  readonly topology?: BrokerTopology;
  /** What an operator may do where broker and store do not fit; absent where that cannot be. */
  readonly repair?: BrokerRepair;
  /** Connects and recovers. @throws AzudError `not-connected`, `access-denied`, `locked`, `log-damaged`, `unsafe-setting` */
  open(): Promise<void>;
  /**
   * Resolves when every message is as safe as `capabilities.durability` says, or has failed: one result a message, in
   * their order. It never resolves `position` for a message that a crash could lose.
   */
  publish(messages: readonly Message[]): Promise<readonly PublishResult[]>;
  /**
   * A reader that begins after `from` (where the broker has positions) and is given only durable messages.
   * @param group names the store: subscribers of one group write into the same one, so the broker may divide what it has
   *   among them. Null, or absent: this one is given everything that the broker can give it.
   */
  subscribe(from: Progress, group?: string | null): Promise<Subscription>;
  /** What is not yet in a store whose progress is `after`. Exact where the broker has positions. */
  backlog(after: Progress): Promise<Backlog>;
  /**
   * The messages of a transaction that it still holds, of one that may not be in the store yet all of them; undefined where
   * `capabilities.find` is false.
   */
  find?(transactionId: string): Promise<readonly Located[]>;
  /** Everything up to here is in a verified copy of the store: retention may remove it. */
  release(upTo: Progress): Promise<void>;
  /** Why a publish would be refused now, where this process knows it without asking; null: nothing is known against it. */
  refusal?(): AzudError | null;
  close(): Promise<void>;
}

export interface BrokerCapabilities {
  readonly kind: string;
  /** Messages of one stream are delivered in the order of publishing. */
  readonly order: boolean;
  /** Has positions: a subscription can begin anywhere, and progress is a position. Otherwise progress is batch ids. */
  readonly positions: boolean;
  /** Can find a transaction's messages. */
  readonly find: boolean;
  /** Who may open it at the same time. */
  readonly sharing: 'process' | 'host' | 'network';
  /** Largest message, bytes. */
  readonly messageBytesMax: number;
  /** The promise behind a 2xx, in one sentence, shown at /v1/durability. */
  readonly durability: string;
}

/** Streams, queues, topics: what `azud topology` shows and makes. Works on a driver that is not open, until it is closed. */
export interface BrokerTopology {
  /** Every part as it is on the server. Changes nothing. @throws AzudError `not-connected`, `access-denied` */
  plan(): Promise<readonly TopologyPart[]>;
  /** Makes what is missing. @throws AzudError also `unsafe-setting` when something that is there stands in the way */
  apply(): Promise<void>;
}

export interface TopologyPart {
  /** Its kind and name, e.g. `stream azud_flights`. */
  readonly what: string;
  readonly state: 'exists' | 'missing' | 'differs';
  /** What it has to be; where it differs, how. */
  readonly detail: string;
}

/** For a process that has the broker to itself, opened where nothing else is said, and publishes nothing. */
export interface BrokerRepair {
  /**
   * Where a store and the broker went different ways; null where the progress fits.
   * @param holds whether the store has written a message; true of one that it could have forgotten
   */
  fork(progress: Progress, holds: (message: Message) => Promise<boolean>): Promise<Fork | null>;
  /**
   * What is damaged for good. When `confirmed`, reading goes on behind it: in the place of what cannot be read stand batches
   * that make a dead letter of each event lost, so the sums stay.
   * @throws AzudError `log-damaged` where what is left does not tell what is lost
   */
  skip(confirmed: boolean): Promise<readonly Damage[]>;
  /** The same of what keeps the broker from opening; asked before `open`. Null where nothing does. */
  skipTail(confirmed: boolean): Promise<Damage | null>;
}

export interface Damage {
  /** The file, and the one that its unreadable bytes are kept in. */
  readonly file: string;
  readonly kept: string;
  readonly places: readonly DamagedPlace[];
  /** Events that cannot be read any more, by dataset. */
  readonly lost: ReadonlyMap<string, number>;
  /** Records of which nothing tells how many events they held: they are lost without a trace but this. */
  readonly untold: number;
}

export interface DamagedPlace {
  readonly byte: number;
  readonly bytes: number;
  /** Offset of the first record that is lost there, and how many are; 0: none. */
  readonly first: number;
  readonly records: number;
}

export interface Fork {
  /** Why the progress does not fit, in words. */
  readonly reason: string;
  /** The last that both hold: a progress that fits. */
  readonly shared: Progress;
}

/** Where a message lies in a stream. Positions grow; a stream that is restored or begun anew gets another name. */
export interface Position {
  /** e.g. the log's epoch, or topic and partition. */
  readonly stream: string;
  /** Safe integer, from 1. */
  readonly offset: number;
  /**
   * Tells apart what was written under one name and offset before and after the stream was put back from a copy. Absent
   * where the broker has no such thing. Stores give it back as they got it.
   */
  readonly term?: string;
}

/** How far a store has come: the last position of each stream. Empty: from the beginning. */
export type Progress = readonly Position[];

export type PublishResult = { readonly position: Position | null } | { readonly error: AzudError };

export interface Delivery {
  readonly message: Message;
  /** Null where the broker has no positions; then the store dedupes by `message.id`. */
  readonly position: Position | null;
}

export interface Subscription {
  /**
   * What waits here costs nothing and is had at once, however much it is: nothing is gained by receiving it before it can
   * be written, and what is not received is not carried about. Absent where waiting messages hold up others.
   */
  readonly unhurried?: true;
  /**
   * Aborts when the work is divided anew, because others of its group came or went: write what is in hand and subscribe
   * again, from the store's progress as it is then. Absent where the broker divides by itself.
   */
  readonly moved?: AbortSignal;
  /**
   * The next deliveries, at least one, or none when the signal aborts.
   * @throws AzudError `not-connected` (subscribe anew), `log-damaged` (stop and say so)
   */
  receive(options: ReceiveOptions): Promise<readonly Delivery[]>;
  /** The deliveries are in the store. */
  ack(deliveries: readonly Delivery[]): Promise<void>;
  /** The deliveries could not be written now; they come again, not before `delayMs`. */
  nack(deliveries: readonly Delivery[], delayMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface ReceiveOptions {
  readonly messagesMax: number;
  /** Payload bytes; one message may exceed it. */
  readonly bytesMax: number;
  readonly signal: AbortSignal;
}

export interface Backlog {
  /** Null where the broker is opaque and cannot even tell whether something waits. */
  readonly messages: number | null;
  readonly bytes: number;
  /** ms since the epoch of the oldest waiting message, null when nothing waits. */
  readonly oldestTime: number | null;
  /** Events accepted and not in the store, by dataset. */
  readonly queued: ReadonlyMap<string, number>;
  /** Events ever accepted, by dataset; null where the broker cannot know. */
  readonly accepted: ReadonlyMap<string, number> | null;
  /** Last durable position. */
  readonly end: Progress;
  /**
   * The broker counts messages and cannot tell what is in them: `messages` is its own count, and where something may wait
   * `queued` is empty, `bytes` 0 and `oldestTime` null for want of knowledge.
   */
  readonly opaque?: true;
}

export interface Located {
  readonly message: Message;
  readonly position: Position | null;
}
