import type { Channel, Connection } from 'rabbitmq-client';
import { topicMissing } from '../errors.ts';
import { classified } from './errors.ts';

/** What Azud needs on the server: a queue, and where what never gets through is kept. */
export interface Topology {
  readonly queue: string;
  readonly delivery_limit: number;
  readonly max_bytes: number | null;
}

/** Exchange and queue share the name. */
export function deadName({ queue }: Topology): string {
  return `${queue}.dead`;
}

/** Messages ready in the queue, null when there is none. @throws AzudError `not-connected`, `access-denied` */
export async function exists(client: Connection, { queue }: Topology): Promise<number | null> {
  try {
    const { messageCount } = await onChannel(client, (channel) => channel.queueDeclare({ queue, passive: true }));
    return messageCount;
  } catch (error) {
    const known = classified(error, `queue ${queue}`);
    if (known.code === 'topic-missing') return null;
    throw known;
  }
}

/** Makes what is missing and holds what is there against it. @throws AzudError `unsafe-setting` when it is another */
export async function declare(client: Connection, topology: Topology): Promise<void> {
  const { queue } = topology;
  const dead = deadName(topology);
  try {
    await onChannel(client, async (channel) => {
      await channel.exchangeDeclare({ exchange: dead, type: 'fanout', durable: true });
      await channel.queueDeclare({ queue: dead, durable: true, arguments: { 'x-queue-type': 'quorum' } });
      await channel.queueBind({ exchange: dead, queue: dead, routingKey: '' });
      await channel.queueDeclare({ queue, durable: true, arguments: queueArguments(topology) });
    });
  } catch (error) {
    throw classified(error, `queue ${queue}`);
  }
}

export async function remove(client: Connection, topology: Topology): Promise<void> {
  try {
    await onChannel(client, async (channel) => {
      await channel.queueDelete({ queue: topology.queue });
      await channel.queueDelete({ queue: deadName(topology) });
      await channel.exchangeDelete({ exchange: deadName(topology) });
    });
  } catch (error) {
    throw classified(error, `queue ${topology.queue}`);
  }
}

/** What infrastructure code has to make, in one line. */
export function missing(topology: Topology): Error {
  const wanted = Object.entries(queueArguments(topology)).map(([name, value]) => `${name}: ${value}`);
  return topicMissing(
    `queue ${topology.queue}`,
    `auto_declare is false, so make it durable with ${wanted.join(', ')}, and that exchange with a queue behind it`,
  );
}

/**
 * A quorum queue: a majority of its nodes has each message on disk before it is confirmed. Full, it refuses instead of
 * dropping; what goes to the dead-letter exchange is kept until it has arrived there.
 */
function queueArguments(topology: Topology): Record<string, string | number> {
  return {
    'x-queue-type': 'quorum',
    'x-overflow': 'reject-publish',
    'x-dead-letter-exchange': deadName(topology),
    'x-dead-letter-strategy': 'at-least-once',
    'x-delivery-limit': topology.delivery_limit,
    ...(topology.max_bytes !== null && { 'x-max-length-bytes': topology.max_bytes }),
  };
}

/** Runs something on a channel of its own: the server closes a channel with the first thing that it refuses. */
async function onChannel<T>(client: Connection, act: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await client.acquire();
  try {
    return await act(channel);
  } finally {
    if (channel.active) await channel.close();
  }
}
