import type { Channel, Connection } from 'rabbitmq-client';
import type { TopologyPart } from '../driver.ts';
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
      await channel.queueDeclare({ queue: dead, durable: true, arguments: DEAD_ARGUMENTS });
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

/**
 * The queues and the exchange as they are on the server. AMQP tells whether a thing is there, and what it is only by
 * refusing to make it otherwise; it says nothing of the binding between exchange and queue.
 * @throws AzudError `not-connected`, `access-denied`
 */
export async function plan(client: Connection, topology: Topology): Promise<readonly TopologyPart[]> {
  const { queue } = topology;
  const dead = deadName(topology);
  const wanted = queueArguments(topology);
  const kept = { queue: dead, durable: true, arguments: DEAD_ARGUMENTS };
  return [
    await partOf(client, {
      what: `queue ${queue}`,
      detail: `durable, ${Object.entries(wanted)
        .map(([name, value]) => `${name}: ${value}`)
        .join(', ')}`,
      look: (channel) => channel.queueDeclare({ queue, passive: true }),
      hold: (channel) => channel.queueDeclare({ queue, durable: true, arguments: wanted }),
    }),
    await partOf(client, {
      what: `exchange ${dead}`,
      detail: 'durable, fanout',
      look: (channel) => channel.exchangeDeclare({ exchange: dead, passive: true }),
      hold: (channel) => channel.exchangeDeclare({ exchange: dead, type: 'fanout', durable: true }),
    }),
    await partOf(client, {
      what: `queue ${dead}`,
      detail: `durable, x-queue-type: quorum, bound to the exchange ${dead}`,
      look: (channel) => channel.queueDeclare({ queue: dead, passive: true }),
      hold: (channel) => channel.queueDeclare(kept),
    }),
  ];
}

interface Looks extends Pick<TopologyPart, 'what' | 'detail'> {
  /** Fails when there is none. */
  readonly look: (channel: Channel) => Promise<unknown>;
  /** Asks to make it as it has to be: done already, or refused. */
  readonly hold: (channel: Channel) => Promise<unknown>;
}

async function partOf(client: Connection, { what, detail, look, hold }: Looks): Promise<TopologyPart> {
  const refusal = async (act: Looks['look']) => {
    try {
      await onChannel(client, act);
      return null;
    } catch (error) {
      return classified(error, what);
    }
  };
  const missing = await refusal(look);
  if (missing?.code === 'topic-missing') return { what, state: 'missing', detail };
  if (missing) throw missing;
  const differs = await refusal(hold);
  if (!differs) return { what, state: 'exists', detail };
  if (differs.code === 'unsafe-setting') return { what, state: 'differs', detail: differs.message };
  // Whoever may only use it may not ask.
  if (differs.code === 'access-denied') return { what, state: 'exists', detail: 'this user may not look closer' };
  throw differs;
}

const DEAD_ARGUMENTS = { 'x-queue-type': 'quorum' } as const;

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
