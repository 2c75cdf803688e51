import type { AsyncMessage, Envelope } from 'rabbitmq-client';
import type { Message } from '../../event/batch.ts';

/** How a message of ours looks on the wire: everything about it but the payload in AMQP properties and headers. */

export function envelopeOf(message: Message, queue: string): Envelope {
  return {
    routingKey: queue,
    // A queue that is gone is told instead of the message being dropped.
    mandatory: true,
    durable: true,
    messageId: message.id,
    contentType: 'application/octet-stream',
    headers: {
      dataset: message.dataset,
      transaction: message.transactionId,
      events: message.events,
      // As text: AMQP's own time has whole seconds only.
      time: String(message.time),
    },
  };
}

/** Null when the message is not one of ours. */
export function messageOf({ messageId, headers, body }: AsyncMessage): Message | null {
  const { dataset, transaction, events, time } = (headers ?? {}) as Record<string, unknown>;
  if (typeof messageId !== 'string' || typeof dataset !== 'string' || typeof transaction !== 'string') return null;
  if (typeof events !== 'number' || typeof time !== 'string' || !Buffer.isBuffer(body)) return null;
  return { id: messageId, dataset, transactionId: transaction, events, time: Number(time), payload: body };
}
