import type { TopologyPart } from '../driver.ts';
import type { Aws } from './aws.ts';
import { declareQueue, type QueueFacts, queueFacts, removeQueue, setAttributes } from './queue.ts';
import {
  admitsTopic,
  declareTopic,
  policyFor,
  removeTopic,
  subscribe,
  subscriptionOf,
  topicArnOf,
  topicExists,
} from './topic.ts';

/** What Azud needs at AWS: a queue, where what never gets through is kept, and perhaps a topic that feeds the queue. */
export interface Topology {
  readonly queue: string;
  readonly topic: string | null;
  readonly delivery_limit: number;
  readonly visibility_seconds: number;
}

/** What is needed to work with it. */
export interface Found {
  readonly queueUrl: string;
  /** Null without a topic. */
  readonly topicArn: string | null;
  /** Largest message of the queue, bytes as SQS counts them. */
  readonly messageBytesMax: number;
  /** SQS removes a message of this age, stored or not. */
  readonly retentionSeconds: number;
}

export interface Survey {
  /** Null when there is no queue. */
  readonly found: Found | null;
  readonly parts: readonly TopologyPart[];
}

/** The longest that SQS knows: 14 days. */
const RETENTION_SECONDS = 14 * 24 * 3_600;
/** A queue that forgets sooner than a repair may take would lose events; a day is the least that we accept. */
const RETENTION_SECONDS_MIN = 24 * 3_600;
/** What a queue takes in one message where it does not say, bytes. */
const MESSAGE_BYTES_MAX = 256 * 1024;

export function isFifo({ queue }: Pick<Topology, 'queue'>): boolean {
  return queue.endsWith('.fifo');
}

export function deadName({ queue }: Topology): string {
  return queue.replace(/(\.fifo)?$/, '_dead$1');
}

/** Every part as it is there, and what it takes to work with it. @throws AzudError `not-connected`, `access-denied` */
export async function exists(aws: Aws, topology: Topology): Promise<Survey> {
  const queue = await queueFacts(aws, topology.queue);
  const parts = [queuePart(queue, topology), await deadPart(aws, queue, topology)];
  const { topic } = topology;
  if (topic !== null) parts.push(...(await topicParts(aws, queue, { queue: topology.queue, topic })));
  if (!queue) return { found: null, parts };
  const found = {
    queueUrl: queue.url,
    topicArn: topology.topic === null ? null : topicArnOf(queue.arn, topology.topic),
    messageBytesMax: Number(queue.attributes.MaximumMessageSize ?? MESSAGE_BYTES_MAX),
    retentionSeconds: Number(queue.attributes.MessageRetentionPeriod ?? RETENTION_SECONDS),
  };
  return { found, parts };
}

/** Every part as it is there. @throws AzudError as `exists` */
export async function plan(aws: Aws, topology: Topology): Promise<readonly TopologyPart[]> {
  return (await exists(aws, topology)).parts;
}

/** Makes what is missing; what is there stays as it is. Two processes may do it at once: the second finds the same. */
export async function declare(aws: Aws, topology: Topology): Promise<void> {
  const { topic } = topology;
  const present = await queueFacts(aws, topology.queue);
  const deadArn = present ? deadArnOf(present) : null;
  const ours = deadArn === null || nameOf(deadArn) === deadName(topology);
  const dead = ours ? await declareQueue(aws, deadName(topology), queueAttributes(topology)) : null;
  const redrive = redriveTo(dead?.arn ?? deadArn ?? '', topology);
  const queue = await declareQueue(aws, topology.queue, { ...queueAttributes(topology), ...redrive });
  if (deadArnOf(queue) === null) await setAttributes(aws, queue, redrive);
  if (topic === null) return;
  const topicArn = topicArnOf(queue.arn, topic);
  // What SNS cannot deliver goes to the dead-letter queue instead of being dropped.
  for (const each of dead ? [queue, dead] : [queue]) {
    const Policy = policyFor(each, topicArn);
    if (Policy !== null) await setAttributes(aws, each, { Policy });
  }
  await declareTopic(aws, topicArn);
  await subscribe(aws, { topicArn, queue, deadArn: dead?.arn ?? null });
}

/** What is not there is left out. */
export async function remove(aws: Aws, topology: Topology): Promise<void> {
  const queue = await queueFacts(aws, topology.queue);
  const dead = await queueFacts(aws, deadName(topology));
  const arn = queue?.arn ?? dead?.arn;
  if (topology.topic !== null && arn !== undefined) await removeTopic(aws, topicArnOf(arn, topology.topic));
  for (const each of [queue, dead]) if (each) await removeQueue(aws, each);
}

function queuePart(queue: QueueFacts | null, topology: Topology): TopologyPart {
  const what = `queue ${topology.queue}`;
  const wanted = `MessageRetentionPeriod ${RETENTION_SECONDS}`;
  if (!queue) return { what, state: 'missing', detail: wanted };
  const seconds = Number(queue.attributes.MessageRetentionPeriod ?? RETENTION_SECONDS);
  if (seconds >= RETENTION_SECONDS_MIN) return { what, state: 'exists', detail: wanted };
  const detail = `removes messages after ${seconds} s, stored or not: set ${wanted}`;
  return { what, state: 'differs', detail };
}

/** Where a batch goes that comes back for ever: a queue of any name, for which only its redrive policy speaks. */
async function deadPart(aws: Aws, queue: QueueFacts | null, topology: Topology): Promise<TopologyPart> {
  const deadArn = queue ? deadArnOf(queue) : null;
  const name = deadArn === null ? deadName(topology) : nameOf(deadArn);
  const detail = `dead letters of ${topology.queue} after ${topology.delivery_limit} receives, by its RedrivePolicy`;
  // A policy may outlive the queue that it names; one in another account is not ours to look at.
  const present = deadArn !== null && (name !== deadName(topology) || (await queueFacts(aws, name)) !== null);
  return { what: `queue ${name}`, state: present ? 'exists' : 'missing', detail };
}

interface Names {
  readonly queue: string;
  readonly topic: string;
}

async function topicParts(aws: Aws, queue: QueueFacts | null, names: Names): Promise<TopologyPart[]> {
  const { topic, queue: name } = names;
  const topicArn = queue ? topicArnOf(queue.arn, topic) : '';
  const there = queue !== null && (await topicExists(aws, topicArn));
  const admits = queue !== null && admitsTopic(queue, topicArn);
  const subscription = there && queue ? await subscriptionOf(aws, topicArn, queue.arn) : null;
  const wanted = 'RawMessageDelivery true, no FilterPolicy';
  return [
    { what: `topic ${topic}`, state: there ? 'exists' : 'missing', detail: `before queue ${name}` },
    {
      what: `policy of queue ${name}`,
      state: admits ? 'exists' : 'missing',
      detail: `lets topic ${topic} send to it`,
    },
    {
      what: `subscription of queue ${name} to topic ${topic}`,
      state: subscription === null ? 'missing' : subscription.difference === null ? 'exists' : 'differs',
      detail: subscription?.difference ?? wanted,
    },
  ];
}

function nameOf(arn: string): string {
  return arn.split(':').at(-1) ?? arn;
}

function deadArnOf({ attributes: { RedrivePolicy } }: QueueFacts): string | null {
  if (!RedrivePolicy) return null;
  return (JSON.parse(RedrivePolicy) as { deadLetterTargetArn?: string }).deadLetterTargetArn ?? null;
}

function redriveTo(deadArn: string, { delivery_limit }: Topology): QueueFacts['attributes'] {
  return { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: deadArn, maxReceiveCount: delivery_limit }) };
}

function queueAttributes(topology: Topology): QueueFacts['attributes'] {
  return {
    MessageRetentionPeriod: String(RETENTION_SECONDS),
    VisibilityTimeout: String(topology.visibility_seconds),
    ...(isFifo(topology) && { FifoQueue: 'true' }),
  };
}
