import type { Message as Arrival } from '@aws-sdk/client-sqs';
import type { Message } from '../../event/batch.ts';

/** What counts towards a message's size beside the payload's text, at most, bytes: facts and attribute. */
const ENVELOPE_BYTES = 512;
/** Attributes that a receive has to ask for. */
export const ATTRIBUTE_NAMES = ['dataset'];
/** The facts of a message, before its payload: two UUIDs and two numbers. */
const FACTS = /^([0-9a-f-]{36}) ([0-9a-f-]{36}) (\d+) (-?\d+) /;

interface TextAttribute {
  readonly DataType: 'String';
  readonly StringValue: string;
}

/** How a message of ours looks on the wire, to SNS as to SQS. */
export interface Envelope {
  /**
   * The facts, and the payload in base64, for a body is text and may not hold every character. Facts in attributes would
   * cost SNS, which takes forms, three fields each.
   */
  readonly body: string;
  /** The dataset is an attribute, so that other subscribers of a topic can filter by it. */
  readonly attributes: { readonly dataset: TextAttribute };
  /** What the service counts, at most. */
  readonly bytes: number;
}

/** Payload bytes of which the envelope surely fits into a message of the service: base64 makes four of three. */
export function payloadBytesMax(serviceBytesMax: number): number {
  return Math.floor((serviceBytesMax - ENVELOPE_BYTES) / 4) * 3;
}

export function envelopeOf({ id, dataset, transactionId, events, time, payload }: Message): Envelope {
  const body = `${id} ${transactionId} ${events} ${time} ${payload.toString('base64')}`;
  return {
    body,
    attributes: { dataset: { DataType: 'String', StringValue: dataset } },
    bytes: body.length + ENVELOPE_BYTES,
  };
}

/** Null when the message is not one of ours. */
export function messageOf({ Body = '', MessageAttributes }: Arrival): Message | null {
  const dataset = MessageAttributes?.dataset?.StringValue;
  const [facts = '', id, transactionId, events, time] = FACTS.exec(Body) ?? [];
  if (!dataset || !id || !transactionId) return null;
  const payload = Buffer.from(Body.slice(facts.length), 'base64');
  return { id, dataset, transactionId, events: Number(events), time: Number(time), payload };
}
