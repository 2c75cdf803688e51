import type { protos } from '@google-cloud/pubsub';
import type { Message } from '../../event/batch.ts';

type Published = protos.google.pubsub.v1.IPubsubMessage;

/** More than a message's attributes and a request's own fields ever take, bytes. */
export const ENVELOPE_BYTES = 2_048;

/** How a message of ours looks on the wire: everything about it but the payload in attributes. */
export function envelopeOf(message: Message, orderingKey: string): Published {
  const { id, dataset, transactionId, events, time, payload } = message;
  return {
    data: payload,
    attributes: { id, dataset, transaction: transactionId, azud: `${events} ${time}` },
    ...(orderingKey !== '' && { orderingKey }),
  };
}

/** Null when the message is not one of ours. */
export function messageOf({ attributes, data }: Published): Message | null {
  const { id, dataset, transaction, azud } = attributes ?? {};
  const [, events, time] = /^(\d+) (-?\d+)$/.exec(azud ?? '') ?? [];
  if (!id || !dataset || !transaction || events === undefined || !Buffer.isBuffer(data)) return null;
  return { id, dataset, transactionId: transaction, events: Number(events), time: Number(time), payload: data };
}
