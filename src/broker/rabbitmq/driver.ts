import type { Message } from '../../event/batch.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Connection } from '../connection.ts';
import type {
  Backlog,
  BrokerCapabilities,
  BrokerDriver,
  BrokerTopology,
  Progress,
  PublishResult,
  Subscription,
} from '../driver.ts';
import { topicMissing } from '../errors.ts';
import { refuseMissing } from '../topology.ts';
import { RABBITMQ_CAPABILITIES } from './capabilities.ts';
import { connectionTo, type Link, type ServerSettings } from './connection.ts';
import { envelopeOf } from './envelope.ts';
import { classified, tooLarge, unconfirmed } from './errors.ts';
import { RabbitmqSubscription } from './subscription.ts';
import { declare, exists, plan, type Topology } from './topology.ts';

/** What RABBITMQ_SETTINGS (config.ts) declares, read. */
export interface RabbitmqSettings extends ServerSettings {
  readonly queue: string | null;
  readonly prefetch: number;
  readonly delivery_limit: number;
  readonly max_bytes: number | null;
  readonly auto_declare: boolean;
}

export interface RabbitmqContext {
  /** Name of the system; the queue is called after it. */
  readonly system: string;
  readonly clock: Clock;
}

/** A queue without its majority, or a server short of memory or disk, takes messages and says nothing, ms. */
const CONFIRM_MS = 10_000;

/** One quorum queue: loaders share it, and the store knows what it has by the ids of the batches. */
export class RabbitmqDriver implements BrokerDriver {
  readonly capabilities: BrokerCapabilities;
  readonly #settings: RabbitmqSettings;
  readonly #clock: Clock;
  readonly #topology: Topology;
  readonly #connection: Connection<Link>;
  readonly #subscriptions = new Set<RabbitmqSubscription>();
  /** Ids that the server gave back for want of a queue. */
  readonly #returned = new Set<string>();
  /** Connections that were given up because no confirm came. */
  readonly #silent = new WeakSet<Link>();

  constructor(settings: RabbitmqSettings, { system, clock }: RabbitmqContext) {
    this.#settings = settings;
    this.#clock = clock;
    this.#topology = { ...settings, queue: settings.queue ?? `azud_${system}` };
    this.#connection = connectionTo(settings);
    this.capabilities = settings.auto_declare
      ? RABBITMQ_CAPABILITIES
      : {
          ...RABBITMQ_CAPABILITIES,
          durability: `acknowledged means confirmed by RabbitMQ, as safe as your infrastructure code has made the queue ${this.#topology.queue}`,
        };
  }

  /** The queue is made when it is missing and `auto_declare` is set. @throws also `topic-missing`, `unsafe-setting` */
  async open(): Promise<void> {
    try {
      const { client } = await this.#connection.open();
      if (this.#settings.auto_declare) await declare(client, this.#topology);
      // Where that keeps what never gets through is its own affair.
      else refuseMissing((await plan(client, this.#topology)).slice(0, 1));
    } catch (error) {
      await this.#connection.close();
      throw error;
    }
  }

  readonly topology: BrokerTopology = {
    plan: async () => plan((await this.#connection.open()).client, this.#topology),
    apply: async () => declare((await this.#connection.open()).client, this.#topology),
  };

  async publish(messages: readonly Message[]): Promise<readonly PublishResult[]> {
    const link = await this.#connection.link();
    this.#listen(link);
    const results = await this.#publishInTime(link, messages);
    // The client tells of a returned message a turn after it has told of the confirm.
    await new Promise(setImmediate);
    return results.map((result, index) => {
      const returned = this.#returned.delete((messages[index] as Message).id);
      return returned && 'position' in result
        ? { error: topicMissing(this.#where, 'no queue takes the message') }
        : result;
    });
  }

  /** Where a store has come to says nothing here: the queue holds what nobody has acked. */
  async subscribe(): Promise<Subscription> {
    const { client } = await this.#connection.link();
    try {
      const subscription: RabbitmqSubscription = new RabbitmqSubscription({
        channel: await client.acquire(),
        queue: this.#topology.queue,
        prefetch: this.#settings.prefetch,
        clock: this.#clock,
        onClose: () => this.#subscriptions.delete(subscription),
      });
      await subscription.begin();
      this.#subscriptions.add(subscription);
      return subscription;
    } catch (error) {
      throw classified(error, this.#where);
    }
  }

  /** What is ready in the queue, and what this process has taken and not acked; loaders elsewhere have theirs besides. */
  async backlog(): Promise<Backlog> {
    const { client } = await this.#connection.link();
    const ready = await exists(client, this.#topology);
    if (ready === null) throw topicMissing(this.#where, 'it was there when Azud started');
    let messages = ready;
    for (const { held } of this.#subscriptions) messages += held;
    return { messages, bytes: 0, oldestTime: null, queued: new Map(), accepted: null, end: [], opaque: true };
  }

  /** An acked message is gone already. */
  async release(_upTo: Progress): Promise<void> {}

  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((each) => each.close()));
    await this.#connection.close();
  }

  get #where(): string {
    return `queue ${this.#topology.queue} of ${this.#connection.where}`;
  }

  readonly #heard = new WeakSet<Link>();

  #listen(link: Link): void {
    if (this.#heard.has(link)) return;
    this.#heard.add(link);
    link.publisher.on('basic.return', ({ messageId }) => this.#returned.add(messageId ?? ''));
  }

  /** A connection that does not answer in time is given up with all that waits on it, or that would pile up here. */
  async #publishInTime(link: Link, messages: readonly Message[]): Promise<readonly PublishResult[]> {
    const answered = new AbortController();
    const giveUp = () => {
      if (answered.signal.aborted) return;
      this.#silent.add(link);
      link.giveUp();
    };
    void this.#clock.sleep(CONFIRM_MS, answered.signal).then(giveUp);
    const results = await Promise.all(messages.map((message) => this.#publishOne(link, message)));
    answered.abort();
    return results;
  }

  async #publishOne(link: Link, message: Message): Promise<PublishResult> {
    const bytes = message.payload.length;
    const bytesMax = this.capabilities.messageBytesMax;
    if (bytes > bytesMax) return { error: tooLarge(bytes, bytesMax) };
    try {
      await link.publisher.basicPublish(envelopeOf(message, this.#topology.queue), message.payload);
      return { position: null };
    } catch (error) {
      if (this.#silent.has(link)) return { error: unconfirmed(this.#where, CONFIRM_MS) };
      return { error: classified(error, this.#where) };
    }
  }
}
