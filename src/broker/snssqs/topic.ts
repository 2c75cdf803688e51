import {
  CreateTopicCommand,
  DeleteTopicCommand,
  GetSubscriptionAttributesCommand,
  GetTopicAttributesCommand,
  ListSubscriptionsByTopicCommand,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import { isAzudError } from '../../error/azud-error.ts';
import type { Aws } from './aws.ts';
import type { QueueFacts } from './queue.ts';

/** The topic before the queue: itself, its right to send, its subscription. */

/** A topic of the queue's own account and region. */
export function topicArnOf(queueArn: string, topic: string): string {
  const [arn, partition, , region, account] = queueArn.split(':');
  return [arn, partition, 'sns', region, account, topic].join(':');
}

export async function topicExists(aws: Aws, topicArn: string): Promise<boolean> {
  const command = new GetTopicAttributesCommand({ TopicArn: topicArn });
  try {
    await aws.call(({ sns }, options) => sns.send(command, options), { about: `topic ${topicArn}` });
    return true;
  } catch (error) {
    if (isAzudError(error, 'topic-missing')) return false;
    throw error;
  }
}

/** One that is there stays as it is. */
export async function declareTopic(aws: Aws, topicArn: string): Promise<void> {
  if (await topicExists(aws, topicArn)) return;
  const name = topicArn.split(':').at(-1) ?? '';
  const command = new CreateTopicCommand({
    Name: name,
    ...(name.endsWith('.fifo') && { Attributes: { FifoTopic: 'true' } }),
  });
  await aws.call(({ sns }, options) => sns.send(command, options), { about: `topic ${name}` });
}

/** Its subscriptions go with it. */
export async function removeTopic(aws: Aws, topicArn: string): Promise<void> {
  const command = new DeleteTopicCommand({ TopicArn: topicArn });
  await aws.call(({ sns }, options) => sns.send(command, options), { about: `topic ${topicArn}` });
}

export interface SubscriptionFacts {
  /** Why it would deliver another text, or not everything, and the remedy; null: it is as it has to be. */
  readonly difference: string | null;
}

/** The subscription of the queue to the topic, null when there is none. */
export async function subscriptionOf(aws: Aws, topicArn: string, queueArn: string): Promise<SubscriptionFacts | null> {
  const about = `topic ${topicArn}`;
  let NextToken: string | undefined;
  do {
    const list = new ListSubscriptionsByTopicCommand({ TopicArn: topicArn, NextToken });
    const page = await aws.call(({ sns }, options) => sns.send(list, options), { about });
    const own = page.Subscriptions?.find(({ Endpoint, Protocol }) => Protocol === 'sqs' && Endpoint === queueArn);
    if (own) {
      const get = new GetSubscriptionAttributesCommand({ SubscriptionArn: own.SubscriptionArn });
      const { Attributes = {} } = await aws.call(({ sns }, options) => sns.send(get, options), { about });
      return { difference: differenceOf(Attributes) };
    }
    NextToken = page.NextToken;
  } while (NextToken);
  return null;
}

function differenceOf({ RawMessageDelivery, FilterPolicy = '{}' }: Readonly<Record<string, string>>): string | null {
  if (RawMessageDelivery !== 'true') return 'wraps each message into another text: set RawMessageDelivery true';
  if (FilterPolicy !== '{}') return 'drops acknowledged events that its filter leaves out: remove its FilterPolicy';
  return null;
}

export interface SubscriptionParts {
  readonly topicArn: string;
  readonly queue: QueueFacts;
  /** Null: the dead-letter queue is another's, who has to let SNS send to it. */
  readonly deadArn: string | null;
}

/** One that is there stays as it is. */
export async function subscribe(aws: Aws, { topicArn, queue, deadArn }: SubscriptionParts): Promise<void> {
  if (await subscriptionOf(aws, topicArn, queue.arn)) return;
  const redrive = deadArn !== null && { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: deadArn }) };
  const command = new SubscribeCommand({
    TopicArn: topicArn,
    Protocol: 'sqs',
    Endpoint: queue.arn,
    Attributes: { RawMessageDelivery: 'true', ...redrive },
  });
  await aws.call(({ sns }, options) => sns.send(command, options), { about: `topic ${topicArn}` });
}

/**
 * Whether the queue's policy speaks of the topic. What the whole of it allows only AWS can tell; without a word about the
 * topic SNS is surely refused, and what it has confirmed would not arrive.
 */
export function admitsTopic({ attributes }: QueueFacts, topicArn: string): boolean {
  return (attributes.Policy ?? '').includes(topicArn);
}

interface Policy {
  readonly Version: string;
  readonly Statement: readonly unknown[];
}

/** The queue's policy with a statement that lets the topic send; null when it speaks of the topic already. */
export function policyFor(queue: QueueFacts, topicArn: string): string | null {
  if (admitsTopic(queue, topicArn)) return null;
  const present: Policy = queue.attributes.Policy
    ? (JSON.parse(queue.attributes.Policy) as Policy)
    : { Version: '2012-10-17', Statement: [] };
  const statement = {
    Effect: 'Allow',
    Principal: { Service: 'sns.amazonaws.com' },
    Action: 'sqs:SendMessage',
    Resource: queue.arn,
    Condition: { ArnEquals: { 'aws:SourceArn': topicArn } },
  };
  return JSON.stringify({ ...present, Statement: [...present.Statement, statement] });
}
