import type { Message as Arrival } from '@aws-sdk/client-sqs';
import type { Message } from '../../event/batch.ts';

/** Attributes and whatever else counts towards a message's size beside its body, at most, bytes. */
const ENVELOPE_BYTES = 512;
/** Attributes that a receive has to ask for. */
export const ATTRIBUTE_NAMES = ['azud', 'dataset'];

interface TextAttribute {
  readonly DataType: 'String';
  readonly StringValue: string;
}

/** How a message of ours looks on the wire, to SNS as to SQS. */
export interface Envelope {
  /** A body is text and may not hold every character, hence base64: four bytes for three. */
  readonly body: string;
  /** The dataset stands alone, so that other subscribers of a topic can filter by it. */
  readonly attributes: Readonly<Record<string, TextAttribute>>;
  /** What the service counts, at most. */
  readonly bytes: number;
}

/** Payload bytes of which the envelope surely fits into a message of the service. */
export function payloadBytesMax(serviceBytesMax: number): number {
  return Math.floor((serviceBytesMax - ENVELOPE_BYTES) / 4) * 3;
}

export function envelopeOf({ id, dataset, transactionId, events, time, payload }: Message): Envelope {
  const body = payload.toString('base64');
  return {
    body,
    attributes: {
      azud: { DataType: 'String', StringValue: `${id} ${transactionId} ${events} ${time}` },
      dataset: { DataType: 'String', StringValue: dataset },
    },
    bytes: body.length + ENVELOPE_BYTES,
  };
}

/** Null when the message is not one of ours. */
export function messageOf({ Body, MessageAttributes }: Arrival): Message | null {
  const facts = MessageAttributes?.azud?.StringValue ?? '';
  const dataset = MessageAttributes?.dataset?.StringValue;
  const [, id, transactionId, events, time] = /^(\S+) (\S+) (\d+) (-?\d+)$/.exec(facts) ?? [];
  if (!Body || !dataset || !id || !transactionId) return null;
  return {
    id,
    dataset,
    transactionId,
    events: Number(events),
    time: Number(time),
    payload: Buffer.from(Body, 'base64'),
  };
}
