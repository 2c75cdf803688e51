import type { StreamInfo } from '@nats-io/jetstream';
import type { Message } from '../../event/batch.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Connection } from '../connection.ts';
import type {
  Backlog,
  BrokerCapabilities,
  BrokerDriver,
  BrokerTopology,
  Located,
  Progress,
  PublishResult,
  Subscription,
} from '../driver.ts';
import { refuseMissing } from '../topology.ts';
import { ENVELOPE_BYTES, NATS_CAPABILITIES } from './capabilities.ts';
import { connectionTo, type Link, type ServerSettings } from './connection.ts';
import { type DurabilitySettings, durabilityOf } from './durability.ts';
import { headersOf, messageOf } from './envelope.ts';
import { classified, removedBefore, tooLarge } from './errors.ts';
import { Loaders } from './loaders.ts';
import { ALL, nameOf, partitionOf, positionIn, progressOf, type Reached, reachedBy } from './places.ts';
import { Reader } from './reader.ts';
import { type LanePlan, NatsSubscription } from './subscription.ts';
import { leaveSums, storedSums } from './sums.ts';
import { Tally } from './tally.ts';
import {
  declare,
  eventSubjects,
  exists,
  inspect,
  loadersSubject,
  plan,
  subjectOf,
  sumsSubject,
  type Topology,
} from './topology.ts';

/** What NATS_SETTINGS (config.ts) declares, read. */
export interface NatsSettings extends ServerSettings, DurabilitySettings {
  readonly stream: string | null;
  readonly replicas: number;
  readonly max_bytes: number | null;
  readonly duplicate_window: number;
  readonly auto_declare: boolean;
}

export interface NatsContext {
  /** Name of the system; the stream is called after it. */
  readonly system: string;
  readonly clock: Clock;
}

/** One JetStream stream in partitions: positions are its sequences, and whoever reads begins where its store ends. */
export class NatsDriver implements BrokerDriver {
  readonly #settings: NatsSettings;
  readonly #clock: Clock;
  readonly #topology: Topology;
  readonly #connection: Connection<Link>;
  #capabilities = NATS_CAPABILITIES;
  /** Of the positions that it gives. */
  #name = '';
  #tally: Promise<Tally> | null = null;
  /** Closed with the driver: the client's timers would keep the process alive. */
  readonly #subscriptions = new Set<Subscription>();
  /** By group: those who load into the same store. */
  readonly #groups = new Map<string, Loaders>();

  constructor(settings: NatsSettings, { system, clock }: NatsContext) {
    this.#settings = settings;
    this.#clock = clock;
    this.#topology = { ...settings, stream: settings.stream ?? `azud_${system.replaceAll(/[^\w-]/g, '_')}` };
    this.#connection = connectionTo(settings);
  }

  get capabilities(): BrokerCapabilities {
    return this.#capabilities;
  }

  /** The stream is made when it is missing and `auto_declare` is set. @throws also `topic-missing`, `unsafe-setting` */
  async open(): Promise<void> {
    try {
      await this.#open();
    } catch (error) {
      await this.#connection.close();
      throw error;
    }
  }

  async #open(): Promise<void> {
    const { manager, server } = await this.#connection.open();
    const topology = this.#topology;
    const found = await exists(manager, topology);
    if (!found && !this.#settings.auto_declare) refuseMissing(await plan(manager, topology));
    const info = found ?? (await declare(manager, topology));
    inspect(info, topology, this.#settings.allow_unsafe);
    this.#name = nameOf(info);
    const durability = await durabilityOf(info, this.#settings);
    const { max_msg_size } = info.config;
    const bytesMax = max_msg_size > 0 ? Math.min(max_msg_size, server.max_payload) : server.max_payload;
    this.#capabilities = { ...this.#capabilities, durability, messageBytesMax: bytesMax - ENVELOPE_BYTES };
  }

  readonly topology: BrokerTopology = {
    plan: async () => plan((await this.#connection.open()).manager, this.#topology),
    apply: async () => {
      await declare((await this.#connection.open()).manager, this.#topology);
    },
  };

  async publish(messages: readonly Message[]): Promise<readonly PublishResult[]> {
    const link = await this.#connection.link();
    return Promise.all(messages.map((message) => this.#publishOne(link, message)));
  }

  async subscribe(from: Progress, group: string | null = null): Promise<Subscription> {
    const link = await this.#connection.link();
    const info = await this.#info(link);
    const reached = reachedBy(from, info);
    const released = await storedSums(link, this.#topology);
    const behind = reached.findIndex((sequence, at) => from.length > 0 && sequence < (released.last[at] ?? 0));
    if (behind >= 0) throw removedBefore(reached[behind] ?? 0, released.upTo + 1);
    const { partitions, moved } =
      group === null ? { partitions: ALL, moved: null } : await this.#loaders(group).share();
    const subscription: NatsSubscription = await NatsSubscription.open({
      lanes: await this.#lanes(info, reached, partitions),
      open: (lane) => this.#reader(lane, partitions.length),
      reached,
      name: nameOf(info),
      moved,
      clock: this.#clock,
      onClose: () => this.#subscriptions.delete(subscription),
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async backlog(after: Progress): Promise<Backlog> {
    const { tally, info } = await this.#counted();
    const waiting = tally.after(reachedBy(after, info));
    return { ...waiting, accepted: tally.accepted, end: progressOf(nameOf(info), tally.end) };
  }

  async find(transactionId: string): Promise<readonly Located[]> {
    const { tally, link, info } = await this.#counted();
    const found: Located[] = [];
    for (const offset of tally.candidates(transactionId)) {
      const stored = await this.#calling(link.manager.streams.getMessage(this.#topology.stream, { seq: offset }));
      const message = stored && messageOf({ subject: stored.subject, headers: stored.header, data: stored.data });
      if (message?.transactionId !== transactionId) continue;
      found.push({ message, position: positionIn(nameOf(info), partitionOf(transactionId), offset) });
    }
    return found;
  }

  /** Purges what the store holds safely, and leaves the sums of it in the stream, so that `accepted` stays exact. */
  async release(upTo: Progress): Promise<void> {
    const { tally, info, link } = await this.#counted();
    const sums = tally.sumsUpTo(reachedBy(upTo, info));
    if (!sums) return;
    await this.#calling(leaveSums(link, this.#topology, sums));
    const { streams } = link.manager;
    const { stream } = this.#topology;
    await this.#calling(streams.purge(stream, { filter: eventSubjects(this.#topology), seq: sums.upTo + 1 }));
    await this.#calling(streams.purge(stream, { filter: sumsSubject(this.#topology), keep: 1 }));
  }

  async close(): Promise<void> {
    const tally = await this.#tally?.catch(() => null);
    this.#tally = null;
    await Promise.all([...this.#groups.values()].map((loaders) => loaders.close()));
    this.#groups.clear();
    await Promise.all([tally?.close(), ...[...this.#subscriptions].map((each) => each.close())]);
    await this.#connection.close();
  }

  async #publishOne({ stream }: Link, message: Message): Promise<PublishResult> {
    const bytesMax = this.#capabilities.messageBytesMax;
    if (message.payload.length > bytesMax) return { error: tooLarge(message.payload.length, bytesMax) };
    try {
      const { seq } = await stream.publish(subjectOf(this.#topology, message), message.payload, {
        msgID: message.id,
        headers: headersOf(message),
        expect: { streamName: this.#topology.stream },
      });
      return { position: positionIn(this.#name, partitionOf(message.transactionId), seq) };
    } catch (error) {
      return { error: classified(error, this.#where) };
    }
  }

  #loaders(group: string): Loaders {
    const known = this.#groups.get(group);
    if (known) return known;
    const loaders = new Loaders({
      nats: async () => (await this.#connection.link()).nats,
      subject: loadersSubject(this.#topology, group),
      clock: this.#clock,
    });
    this.#groups.set(group, loaders);
    return loaders;
  }

  /** Whoever is alone reads the stream in its one order; a share is read partition by partition. */
  async #lanes(info: StreamInfo, reached: Reached, partitions: readonly number[]): Promise<LanePlan[]> {
    if (partitions.length < ALL.length) {
      return partitions.map((partition) => ({ partitions: [partition], from: (reached[partition] ?? 0) + 1 }));
    }
    const { manager } = await this.#connection.link();
    // A partition in which nothing was published since must not take the whole back to its last message.
    const next = ALL.map(async (partition) => {
      const from = (reached[partition] ?? 0) + 1;
      const query = { seq: from, next_by_subj: eventSubjects(this.#topology, partition) };
      return (await this.#calling(manager.streams.getMessage(this.#topology.stream, query)))?.seq;
    });
    const first = (await Promise.all(next)).map((sequence) => sequence ?? info.state.last_seq + 1);
    return [{ partitions: ALL, from: Math.min(...first) }];
  }

  async #reader({ partitions, from }: LanePlan, share: number): Promise<Reader> {
    const link = await this.#connection.link();
    const [partition = '*'] = partitions.length === 1 ? partitions : [];
    return Reader.open({
      link,
      stream: this.#topology.stream,
      from,
      headersOnly: false,
      filter: eventSubjects(this.#topology, partition),
      readers: partition === '*' ? 1 : share,
    });
  }

  /** The sums of everything that was published before this call. */
  async #counted(): Promise<{ link: Link; info: StreamInfo; tally: Tally }> {
    const link = await this.#connection.link();
    const info = await this.#info(link);
    const { first_seq, last_seq } = info.state;
    const current = await this.#tally?.catch(() => null);
    if (current && (current.failed || current.created !== info.created)) {
      this.#tally = null;
      await current.close();
    }
    this.#tally ??= Tally.open(link, this.#topology, info.created);
    const opening = this.#tally;
    try {
      const tally = await opening;
      if (first_seq <= last_seq) await tally.reached(last_seq);
      return { link, info, tally };
    } catch (error) {
      if (this.#tally === opening) this.#tally = null;
      throw error;
    }
  }

  async #info({ manager }: Link): Promise<StreamInfo> {
    const info = await this.#calling(manager.streams.info(this.#topology.stream));
    this.#name = nameOf(info);
    return info;
  }

  get #where(): string {
    return `stream ${this.#topology.stream} of ${this.#connection.where}`;
  }

  async #calling<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw classified(error, this.#where);
    }
  }
}
