import type { Message } from '../../event/batch.ts';
import { encodeBatch } from '../../event/codec.ts';
import { uuidV7 } from '../../event/ids.ts';

export interface MessageOptions {
  readonly dataset?: string;
  readonly transactionId?: string;
  /** Events in the batch. */
  readonly count?: number;
  /** Length of the text in each event. */
  readonly textBytes?: number;
  readonly time?: number;
}

let made = 0;

function nextNumber(): number {
  made += 1;
  return made;
}

/** A message as intake makes them; each differs from all others. */
export function makeMessage(options: MessageOptions = {}): Message {
  const time = options.time ?? Date.now();
  const count = options.count ?? 1;
  const text = 'x'.repeat(options.textBytes ?? 16);
  const lines = Array.from({ length: count }, (_, n) => `{"n":${nextNumber()},"line":${n},"text":"${text}"}\n`);
  return encodeBatch({
    id: uuidV7(time),
    dataset: options.dataset ?? 'flights',
    transactionId: options.transactionId ?? uuidV7(time),
    receivedAt: time,
    source: 'http',
    count,
    lines: Buffer.from(lines.join('')),
    ids: null,
    rows: null,
    extras: false,
    rejects: [],
    replays: null,
    discards: [],
  });
}
