import { headers, type MsgHdrs } from '@nats-io/transport-node';
import type { Message } from '../../event/batch.ts';

/**
 * How a message of ours looks on the wire: the dataset in the subject, everything else about it in headers, so that sums
 * and searches read no payload.
 */
const ID = 'Nats-Msg-Id';
const TRANSACTION = 'Azud-Transaction';
const EVENTS = 'Azud-Events';
const TIME = 'Azud-Time';
/** Set by the server where only headers were asked for. */
const SIZE = 'Nats-Msg-Size';

/** A message without its payload. */
export interface Envelope extends Omit<Message, 'payload'> {
  readonly payloadBytes: number;
}

/** Anything that came from a stream, with its body or without. */
export interface Arrival {
  readonly subject: string;
  readonly headers?: MsgHdrs | undefined;
  readonly data: Uint8Array;
}

/** Without the id, which the client sets as `Nats-Msg-Id`. */
export function headersOf({ transactionId, events, time }: Message): MsgHdrs {
  const made = headers();
  made.set(TRANSACTION, transactionId);
  made.set(EVENTS, String(events));
  made.set(TIME, String(time));
  return made;
}

/** Null when the message is not one of ours. */
export function envelopeOf({ subject, headers: found, data }: Arrival): Envelope | null {
  const id = found?.get(ID);
  const transactionId = found?.get(TRANSACTION);
  if (!found || !id || !transactionId) return null;
  const [events, time] = [Number(found.get(EVENTS)), Number(found.get(TIME))];
  if (!Number.isSafeInteger(events) || !Number.isSafeInteger(time)) return null;
  const dataset = subject.slice(subject.lastIndexOf('.') + 1);
  const size = found.get(SIZE);
  return { id, dataset, transactionId, events, time, payloadBytes: size === '' ? data.length : Number(size) };
}

/** Null when the message is not one of ours. */
export function messageOf(arrival: Arrival): Message | null {
  const envelope = envelopeOf(arrival);
  if (!envelope) return null;
  const { payloadBytes, ...message } = envelope;
  const { data } = arrival;
  return { ...message, payload: Buffer.from(data.buffer, data.byteOffset, payloadBytes) };
}
