import type { AsyncMessage, Envelope } from 'rabbitmq-client';
import type { Message } from '../../event/batch.ts';

/**
 * How a message of ours looks on the wire: everything about it but the payload in AMQP's own properties, and in headers
 * what has none. Properties are cheaper to write and to read.
 */
export function envelopeOf({ id, dataset, transactionId, events, time }: Message, queue: string): Envelope {
  return {
    routingKey: queue,
    // A queue that is gone is told instead of the message being dropped.
    mandatory: true,
    durable: true,
    messageId: id,
    type: dataset,
    correlationId: transactionId,
    // AMQP's own time has whole seconds only, and its numbers many widths: as text it is what it was.
    headers: { azud: `${events} ${time}` },
  };
}

/** Null when the message is not one of ours. */
export function messageOf({ messageId, type, correlationId, headers, body }: AsyncMessage): Message | null {
  const [, events, time] = /^(\d+) (-?\d+)$/.exec(String(headers?.azud)) ?? [];
  if (!messageId || !type || !correlationId || events === undefined || !Buffer.isBuffer(body)) return null;
  return {
    id: messageId,
    dataset: type,
    transactionId: correlationId,
    events: Number(events),
    time: Number(time),
    payload: body,
  };
}
