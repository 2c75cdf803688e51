import { type Batch, copyOf, type Message } from '../event/batch.ts';
import { decodeBatch, encodeBatch } from '../event/codec.ts';
import { eventIdAt, uuidDerived } from '../event/ids.ts';

/**
 * The messages that carry one message's batch through a broker that takes at most `bytesMax` of payload, in order; null
 * when one event alone is too large. Every part keeps the ids and rows its events had in the whole, so a receipt and a
 * retry cannot tell the difference.
 */
export function splitMessage(message: Message, bytesMax: number): readonly Message[] | null {
  if (message.payload.length <= bytesMax) return [message];
  const parts: Batch[] = [];
  if (!divide(explicit(decodeBatch(message)), bytesMax, parts)) return null;
  return parts.map((part, index) => encodeBatch({ ...part, id: uuidDerived('part', message.id, String(index)) }));
}

/** Ids and rows that are understood from the whole are written out: a part no longer shows them. */
function explicit(batch: Batch): Batch {
  const lines = Array.from({ length: batch.count }, (_, line) => line);
  return {
    ...copyOf(batch),
    ids: batch.ids ?? lines.map((line) => eventIdAt(batch.transactionId, line)),
    rows: batch.rows ?? lines.map((line) => line + 1),
  };
}

/** Halves until each part fits: as many parts as needed, none tiny. False when a part that cannot be halved does not fit. */
function divide(batch: Batch, bytesMax: number, parts: Batch[]): boolean {
  if (encodeBatch(batch).payload.length <= bytesMax) {
    parts.push(batch);
    return true;
  }
  const halves = halve(batch);
  return halves?.every((half) => divide(half, bytesMax, parts)) ?? false;
}

/** Lines, rejects and discards first go apart, then each list in two. */
function halve(batch: Batch): readonly Batch[] | null {
  const { count, rejects, discards } = batch;
  const kinds = [slice(batch, 0, count), rejectsOf(batch, rejects), discardsOf(batch, discards)];
  const present = kinds.filter((part) => part.count + part.rejects.length + part.discards.length > 0);
  if (present.length > 1) return present;
  if (count > 1) return halvesOf(count, (from, to) => slice(batch, from, to));
  if (rejects.length > 1) return halvesOf(rejects.length, (from, to) => rejectsOf(batch, rejects.slice(from, to)));
  if (discards.length > 1) return halvesOf(discards.length, (from, to) => discardsOf(batch, discards.slice(from, to)));
  return null;
}

function halvesOf(length: number, part: (from: number, to: number) => Batch): readonly Batch[] {
  const middle = length >> 1;
  return [part(0, middle), part(middle, length)];
}

function slice(batch: Batch, from: number, to: number): Batch {
  const begin = lineStart(batch.lines, from);
  return {
    ...batch,
    count: to - from,
    lines: batch.lines.subarray(begin, begin + lineStart(batch.lines.subarray(begin), to - from)),
    ids: batch.ids?.slice(from, to) ?? null,
    rows: batch.rows?.slice(from, to) ?? null,
    replays: batch.replays?.slice(from, to) ?? null,
    rejects: [],
    discards: [],
  };
}

function rejectsOf(batch: Batch, rejects: Batch['rejects']): Batch {
  return { ...slice(batch, 0, 0), rejects };
}

function discardsOf(batch: Batch, discards: Batch['discards']): Batch {
  return { ...slice(batch, 0, 0), discards };
}

/** Byte at which the n-th line (from 0) begins. */
function lineStart(lines: Buffer, line: number): number {
  let at = 0;
  for (let n = 0; n < line; n += 1) at = lines.indexOf(0x0a, at) + 1;
  return at;
}
