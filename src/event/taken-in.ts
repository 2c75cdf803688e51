import type { Message } from './batch.ts';

/** What was taken in under one transaction. */
export interface TakenIn {
  /** ms since the epoch. */
  readonly time: number;
  /** Events accepted, by dataset. */
  readonly events: ReadonlyMap<string, number>;
}

/** @param messages of one transaction, at least one */
export function takenInOf(messages: readonly Message[]): TakenIn {
  const events = new Map<string, number>();
  for (const message of messages) events.set(message.dataset, (events.get(message.dataset) ?? 0) + message.events);
  return { time: messages[0]?.time ?? 0, events };
}

/** `1767225600000 orders 5 customers 2`: short, and fit for a URL. */
export function writeTakenIn({ time, events }: TakenIn): string {
  return [time, ...[...events].flat()].join(' ');
}

export function readTakenIn(text: string): TakenIn {
  const [time, ...words] = text.split(' ');
  const events = new Map<string, number>();
  for (let at = 0; at + 1 < words.length; at += 2) events.set(words[at] as string, Number(words[at + 1]));
  return { time: Number(time), events };
}
