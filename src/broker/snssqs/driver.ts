import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import type { Message } from '../../event/batch.ts';
import type { Clock } from '../../lib/clock.ts';
import type {
  Backlog,
  BrokerCapabilities,
  BrokerDriver,
  BrokerTopology,
  Progress,
  PublishResult,
  Subscription,
} from '../driver.ts';
import { notConnected, topicMissing } from '../errors.ts';
import { refuseDifferent, refuseMissing } from '../topology.ts';
import { Aws, type ServerSettings } from './aws.ts';
import { SNS_BYTES_MAX, SNSSQS_CAPABILITIES, SQS_BYTES_MAX } from './capabilities.ts';
import { payloadBytesMax } from './envelope.ts';
import { misconfigured, tooLarge } from './errors.ts';
import { Outbox } from './outbox.ts';
import { SqsSubscription } from './subscription.ts';
import { declare, exists, type Found, isFifo, plan, type Topology } from './topology.ts';

/** What SNSSQS_SETTINGS (config.ts) declares, read. */
export interface SnssqsSettings extends ServerSettings {
  readonly queue: string | null;
  readonly topic: string | null;
  readonly wait_seconds: number;
  readonly visibility_seconds: number;
  readonly prefetch: number;
  readonly delivery_limit: number;
  readonly message_group: 'batch' | 'dataset';
  readonly auto_declare: boolean;
}

export interface SnssqsContext {
  /** Name of the system; the queue is called after it. */
  readonly system: string;
  readonly clock: Clock;
}

interface Opened {
  readonly found: Found;
  readonly outbox: Outbox;
}

/** One SQS queue, with or without an SNS topic before it: loaders share it, and the store knows what it has by the ids of the batches. */
export class SnssqsDriver implements BrokerDriver {
  readonly #settings: SnssqsSettings;
  readonly #clock: Clock;
  readonly #topology: Topology;
  readonly #aws: Aws;
  readonly #subscriptions = new Set<SqsSubscription>();
  #opened: Opened | null = null;

  constructor(settings: SnssqsSettings, { system, clock }: SnssqsContext) {
    this.#settings = settings;
    this.#clock = clock;
    // A system's name may have dots, a queue's may not.
    this.#topology = { ...settings, queue: settings.queue ?? `azud_${system.replaceAll('.', '_')}` };
    this.#aws = new Aws(settings);
  }

  /** The size of a message is the queue's to say: known once it is open. */
  get capabilities(): BrokerCapabilities {
    const { topic } = this.#topology;
    return {
      ...SNSSQS_CAPABILITIES,
      messageBytesMax: payloadBytesMax(this.#serviceBytesMax),
      durability: durabilityOf(this.#settings, topic, this.#opened?.found ?? null),
    };
  }

  /** What is missing is made when `auto_declare` is set. @throws also `topic-missing`, `unsafe-setting`, `invalid-config` */
  async open(): Promise<void> {
    const { queue, topic } = this.#topology;
    if (topic !== null && topic.endsWith('.fifo') !== isFifo(this.#topology)) {
      throw misconfigured(`broker.topic ${topic} and broker.queue ${queue} end in .fifo both or not at all`);
    }
    try {
      await this.#aws.open();
      if (this.#settings.auto_declare) await declare(this.#aws, this.#topology);
      const found = await this.#found();
      this.#opened = { found, outbox: this.#outboxOf(found) };
    } catch (error) {
      this.#aws.close();
      throw error;
    }
  }

  readonly topology: BrokerTopology = {
    plan: async () => {
      await this.#aws.open();
      return plan(this.#aws, this.#topology);
    },
    apply: async () => {
      await this.#aws.open();
      await declare(this.#aws, this.#topology);
    },
  };

  async publish(messages: readonly Message[]): Promise<readonly PublishResult[]> {
    const { outbox } = this.#open;
    const bytesMax = this.capabilities.messageBytesMax;
    return Promise.all(
      messages.map((message) => {
        const { length } = message.payload;
        return length > bytesMax ? { error: tooLarge(length, bytesMax) } : outbox.publish(message);
      }),
    );
  }

  /** Where a store has come to says nothing here: the queue holds what nobody has acked. */
  async subscribe(): Promise<Subscription> {
    const { queueUrl } = await this.#found();
    const { wait_seconds, visibility_seconds, prefetch } = this.#settings;
    const subscription: SqsSubscription = new SqsSubscription({
      aws: this.#aws,
      queueUrl,
      about: this.#about,
      waitSeconds: wait_seconds,
      visibilitySeconds: visibility_seconds,
      prefetch,
      clock: this.#clock,
      onClose: () => this.#subscriptions.delete(subscription),
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** By SQS's own count, which is of all loaders, and at AWS some seconds old. */
  async backlog(): Promise<Backlog> {
    const messages = await this.#count();
    return { messages, bytes: 0, oldestTime: null, queued: new Map(), accepted: null, end: [], opaque: true };
  }

  /** An acked message is gone already. */
  async release(_upTo: Progress): Promise<void> {}

  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((each) => each.close()));
    this.#aws.close();
    this.#opened = null;
  }

  get #open(): Opened {
    if (this.#opened) return this.#opened;
    throw notConnected(`${this.#about} at ${this.#aws.where}`);
  }

  get #about(): string {
    return `queue ${this.#topology.queue}`;
  }

  get #serviceBytesMax(): number {
    const queueBytesMax = this.#opened?.found.messageBytesMax ?? SQS_BYTES_MAX;
    return Math.min(queueBytesMax, this.#topology.topic === null ? SQS_BYTES_MAX : SNS_BYTES_MAX);
  }

  /** @throws AzudError `topic-missing`, `unsafe-setting` */
  async #found(): Promise<Found> {
    const { found, parts } = await exists(this.#aws, this.#topology);
    refuseMissing(parts);
    refuseDifferent(parts, 'Change it as the detail says, or give another name in broker.queue.');
    if (!found) throw topicMissing(this.#about, 'it went while it was looked at');
    return found;
  }

  #outboxOf({ queueUrl, topicArn, messageBytesMax }: Found): Outbox {
    const { topic } = this.#topology;
    return new Outbox(this.#aws, {
      queueUrl,
      topicArn,
      group: isFifo(this.#topology) ? this.#settings.message_group : null,
      about: topic === null ? this.#about : `topic ${topic}`,
      // A queue that takes 256 KiB in a message may belong to a server that takes no more in a request.
      requestBytesMax: Math.min(messageBytesMax, topicArn === null ? SQS_BYTES_MAX : SNS_BYTES_MAX),
    });
  }

  /** Messages that wait, are hidden because some loader has them, or are delayed. */
  async #count(): Promise<number> {
    const command = new GetQueueAttributesCommand({
      QueueUrl: this.#open.found.queueUrl,
      AttributeNames: [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
      ],
    });
    const { Attributes = {} } = await this.#aws.call(({ sqs }, options) => sqs.send(command, options), {
      about: this.#about,
    });
    return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
  }
}

/** AWS is believed; a server that is not AWS speaks for itself. */
function durabilityOf(settings: ServerSettings, topic: string | null, found: Found | null): string {
  const days = Math.floor((found?.retentionSeconds ?? 0) / 86_400);
  const until = found ? `, for at most ${days} days until a loader has stored it` : '';
  const address = (topic === null ? null : settings.topic_endpoint) ?? settings.endpoint;
  const service = topic === null ? 'Amazon SQS' : 'Amazon SNS, which delivers to the SQS queue';
  if (address !== null && !/\.amazonaws\.com(\.cn)?(:\d+)?\/?$/.test(address)) {
    return `acknowledged means confirmed by the server at ${address}, as safe as that server keeps it${until}`;
  }
  return `acknowledged means kept on several servers by ${service}${until}`;
}
