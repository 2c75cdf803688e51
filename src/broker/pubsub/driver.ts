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
import { refuseDifferent, refuseMissing } from '../topology.ts';
import { PUBSUB_CAPABILITIES, REQUEST_BYTES_MAX } from './capabilities.ts';
import { type AccountSettings, connectionTo, type Link, ONCE } from './connection.ts';
import { ENVELOPE_BYTES, envelopeOf } from './envelope.ts';
import { classified, tooLarge } from './errors.ts';
import { Publisher } from './publisher.ts';
import { PubsubSubscription } from './subscription.ts';
import { attached, declare, findSubscription, plan, subscriptionName, type Topology, topicName } from './topology.ts';

/** What PUBSUB_SETTINGS (config.ts) declares, read. */
export interface PubsubSettings extends AccountSettings {
  readonly topic: string | null;
  readonly subscription: string | null;
  readonly ordering: boolean;
  readonly exactly_once: boolean;
  readonly ack_deadline: number;
  readonly prefetch: number;
  readonly prefetch_bytes: number;
  readonly retention: number;
  readonly dead_letter_topic: string | null;
  readonly max_delivery_attempts: number;
  readonly auto_declare: boolean;
}

export interface PubsubContext {
  /** Name of the system; the topic is called after it. */
  readonly system: string;
  readonly clock: Clock;
}

/** Pub/Sub's other bound of a publish request. */
const REQUEST_MESSAGES_MAX = 1_000;
const EMULATOR_DURABILITY =
  'acknowledged means held in the memory of the Pub/Sub emulator, which loses it when it stops';
/** Longest wait for the confirm of a request, ms: 10 MB take their time on a thin line. */
const PUBLISH_TIMEOUT_MS = 30_000;

/** A topic and one subscription of it: loaders share it, and the store knows what it has by the ids of the batches. */
export class PubsubDriver implements BrokerDriver {
  readonly capabilities: BrokerCapabilities;
  readonly #settings: PubsubSettings;
  readonly #clock: Clock;
  readonly #topology: Topology;
  readonly #connection: Connection<Link>;
  readonly #publisher: Publisher<Message>;
  readonly #subscriptions = new Set<PubsubSubscription>();

  constructor(settings: PubsubSettings, { system, clock }: PubsubContext) {
    const topic = settings.topic ?? `azud_${system}`;
    this.#settings = settings;
    this.#clock = clock;
    this.#topology = { ...settings, topic, subscription: settings.subscription ?? topic };
    this.#connection = connectionTo(settings);
    this.#publisher = new Publisher({
      messagesMax: REQUEST_MESSAGES_MAX,
      bytesMax: REQUEST_BYTES_MAX,
      send: (messages) => this.#send(messages),
    });
    this.capabilities = {
      ...PUBSUB_CAPABILITIES,
      ...(settings.emulator !== null && { durability: EMULATOR_DURABILITY }),
    };
  }

  /** What is missing is made when `auto_declare` is set. @throws also `topic-missing`, `unsafe-setting`, `invalid-config` */
  async open(): Promise<void> {
    try {
      const link = await this.#connection.open();
      if (this.#settings.auto_declare) await declare(link, this.#topology);
      const parts = await plan(link, this.#topology);
      refuseMissing(parts);
      refuseDifferent(parts, 'Change it as the detail says, or give another name in broker.subscription.');
    } catch (error) {
      await this.#connection.close();
      throw error;
    }
  }

  readonly topology: BrokerTopology = {
    plan: async () => plan(await this.#connection.open(), this.#topology),
    apply: async () => declare(await this.#connection.open(), this.#topology),
  };

  async publish(messages: readonly Message[]): Promise<readonly PublishResult[]> {
    await this.#connection.link();
    return Promise.all(messages.map((message) => this.#publishOne(message)));
  }

  /** Where a store has come to says nothing here: the subscription holds what nobody has acked. */
  async subscribe(): Promise<Subscription> {
    const link = await this.#connection.link();
    const found = await findSubscription(link, this.#topology.subscription);
    const name = subscriptionName(link, this.#topology.subscription);
    if (!found) throw topicMissing(`subscription ${name}`, 'it was there when Azud started');
    attached(found);
    const subscription: PubsubSubscription = new PubsubSubscription({
      ...this.#settings,
      link,
      subscription: name,
      clock: this.#clock,
      onClose: () => this.#subscriptions.delete(subscription),
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /**
   * What this process has taken and not acked. Pub/Sub does not count what waits; it sends everything at once, so that a
   * process which subscribes knows, and another does not.
   */
  async backlog(): Promise<Backlog> {
    await this.#connection.link();
    const subscriptions = [...this.#subscriptions];
    const held = subscriptions.reduce((sum, each) => sum + each.held, 0);
    const messages = held > 0 || subscriptions.some(({ settled }) => settled) ? held : null;
    return { messages, bytes: 0, oldestTime: null, queued: new Map(), accepted: null, end: [], opaque: true };
  }

  /** An acked message is gone already. */
  async release(_upTo: Progress): Promise<void> {}

  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((each) => each.close()));
    await this.#connection.close();
  }

  async #publishOne(message: Message): Promise<PublishResult> {
    const bytes = message.payload.length;
    const bytesMax = this.capabilities.messageBytesMax;
    if (bytes > bytesMax) return { error: tooLarge(bytes, bytesMax) };
    try {
      await this.#publisher.add(message, bytes + ENVELOPE_BYTES, this.#keyOf(message));
      return { position: null };
    } catch (error) {
      return { error: classified(error, `topic ${this.#topology.topic} of ${this.#connection.where}`) };
    }
  }

  async #send(messages: readonly Message[]): Promise<void> {
    const link = await this.#connection.link();
    await link.publisher.publish(
      {
        topic: topicName(link, this.#topology.topic),
        messages: messages.map((message) => envelopeOf(message, this.#keyOf(message))),
      },
      { ...ONCE, timeout: PUBLISH_TIMEOUT_MS },
    );
  }

  #keyOf({ dataset }: Message): string {
    return this.#topology.ordering ? dataset : '';
  }
}
