import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type QueueAttributeName,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { isAzudError } from '../../error/azud-error.ts';
import type { Aws } from './aws.ts';

/** One queue at SQS: looked at, made, changed, removed. */

export interface QueueFacts {
  readonly name: string;
  readonly url: string;
  readonly arn: string;
  readonly attributes: Partial<Record<QueueAttributeName, string>>;
}

/** Null when there is no such queue. @throws AzudError `not-connected`, `access-denied` */
export async function queueFacts(aws: Aws, name: string): Promise<QueueFacts | null> {
  const about = `queue ${name}`;
  try {
    const { QueueUrl = '' } = await aws.call(
      ({ sqs }, options) => sqs.send(new GetQueueUrlCommand({ QueueName: name }), options),
      { about },
    );
    return await factsOf(aws, name, QueueUrl);
  } catch (error) {
    if (isAzudError(error, 'topic-missing')) return null;
    throw error;
  }
}

async function factsOf(aws: Aws, name: string, url: string): Promise<QueueFacts> {
  const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] });
  const { Attributes: attributes = {} } = await aws.call(({ sqs }, options) => sqs.send(command, options), {
    about: `queue ${name}`,
  });
  return { name, url, attributes, arn: attributes.QueueArn ?? '' };
}

/** One that is there stays as it is. */
export async function declareQueue(aws: Aws, name: string, attributes: QueueFacts['attributes']): Promise<QueueFacts> {
  const there = await queueFacts(aws, name);
  if (there) return there;
  const command = new CreateQueueCommand({ QueueName: name, Attributes: attributes });
  const { QueueUrl = '' } = await aws.call(({ sqs }, options) => sqs.send(command, options), {
    about: `queue ${name}`,
  });
  return factsOf(aws, name, QueueUrl);
}

export async function setAttributes(aws: Aws, queue: QueueFacts, attributes: QueueFacts['attributes']): Promise<void> {
  const command = new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes: attributes });
  await aws.call(({ sqs }, options) => sqs.send(command, options), { about: `queue ${queue.name}` });
}

export async function removeQueue(aws: Aws, { name, url }: QueueFacts): Promise<void> {
  const command = new DeleteQueueCommand({ QueueUrl: url });
  await aws.call(({ sqs }, options) => sqs.send(command, options), { about: `queue ${name}` });
}
