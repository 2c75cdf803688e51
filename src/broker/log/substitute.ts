import { basename } from 'node:path';
import { rowCode } from '../../error/catalogue.ts';
import type { Message } from '../../event/batch.ts';
import { decodeBatch, encodeBatch } from '../../event/codec.ts';
import { deadLetterId, uuidV7 } from '../../event/ids.ts';
import { INTAKE_LIMITS } from '../../limits.ts';

/** What a segment has lost. */
export interface Loss {
  readonly records: number;
  /** Events, by dataset. */
  readonly lost: ReadonlyMap<string, number>;
  /** Of a record that held no event. */
  readonly dataset: string;
  /** ms since the epoch. */
  readonly time: number;
  /** The file that the unreadable bytes are kept in. */
  readonly kept: string;
}

/** One message for each record that is lost: together they take in the events that are missing, all refused. */
export function substitutes({ records, lost, dataset, time, kept }: Loss): Message[] {
  const shares = sharesOf(lost);
  const message = `lost with a damaged record of the log; its bytes are kept in ${basename(kept)}`;
  return Array.from({ length: records }, (_, n) => {
    // A record may have held no event, as a replay does.
    const share = shares[n] ?? { dataset, events: 0 };
    const transactionId = uuidV7(time);
    const rows = Array.from({ length: share.events }, (__, row) => row + 1);
    return encodeBatch({
      id: uuidV7(time),
      dataset: share.dataset,
      transactionId,
      receivedAt: time,
      source: SUBSTITUTE,
      count: 0,
      lines: Buffer.alloc(0),
      ids: null,
      rows: null,
      extras: false,
      rejects: rows.map((row) => {
        const id = deadLetterId(transactionId, row);
        return { id, row, code: rowCode('log-damaged'), message, path: '', original: Buffer.alloc(0), eventId: null };
      }),
      replays: null,
      discards: [],
    });
  });
}

/** `Batch.source` of what stands in the place of a damaged record. */
const SUBSTITUTE = 'skip';

/** As many events as one record may hold, so there are never more shares than records. */
export function sharesOf(lost: Loss['lost']): readonly { readonly dataset: string; readonly events: number }[] {
  const { batchEventsMax } = INTAKE_LIMITS;
  return [...lost].flatMap(([dataset, events]) => {
    const count = Math.max(1, Math.ceil(events / batchEventsMax));
    return Array.from({ length: count }, (_, n) => ({
      dataset,
      events: Math.min(batchEventsMax, events - n * batchEventsMax),
    }));
  });
}

/** True of a message that stands in the place of a damaged record. */
export function isSubstitute(message: Message): boolean {
  return decodeBatch(message).source === SUBSTITUTE;
}
