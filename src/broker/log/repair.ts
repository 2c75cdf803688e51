import { isAzudError } from '../../error/azud-error.ts';
import type { Message } from '../../event/batch.ts';
import type { Fork, Position, Progress } from '../driver.ts';
import { damaged } from './errors.ts';
import type { SegmentFolder } from './folder.ts';
import { offsetOfProgress } from './reader.ts';
import { decodeRecord } from './record.ts';
import { segmentPath } from './segment.ts';
import { isSubstitute } from './substitute.ts';
import { lastShared, positionAt } from './terms.ts';

type Holds = (message: Message) => Promise<boolean>;

/** See `BrokerRepair.fork`. */
export async function forkOf(folder: SegmentFolder, progress: Progress, holds: Holds): Promise<Fork | null> {
  const [position] = progress;
  const refusal = await offsetOfProgress(folder, progress).then(
    () => null,
    (error: unknown) => error,
  );
  if (refusal === null || position === undefined) return null;
  if (!isAzudError(refusal, 'log-behind')) throw refusal;
  const [first = 1] = await folder.firsts();
  // What was removed had been released: a store before this one has it, and nobody can read it again.
  const offset = Math.max(first - 1, await lastCommon(folder, position, holds));
  return { reason: refusal.message, shared: offset === 0 ? [] : [positionAt(folder.course, offset)] };
}

/** Last offset under which both have the same record. */
async function lastCommon(folder: SegmentFolder, position: Position, holds: Holds): Promise<number> {
  const { course, end } = folder;
  if (position.stream !== course.epoch) return 0;
  const last = Math.min(end.current.offset, position.offset);
  const known = position.term === undefined ? null : lastShared(course, position);
  if (known !== null) return Math.min(known, last);
  // The store's term began after the copy was made. All that both have lies before all that only the log has.
  const [first = 1] = await folder.firsts();
  let [low, high] = [Math.min(first - 1, last), last];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    // The store may have read what was there before it was damaged: the record before tells.
    let told = middle;
    let message = await messageAt(folder, told);
    while (isSubstitute(message) && told > low + 1) {
      told -= 1;
      message = await messageAt(folder, told);
    }
    if (isSubstitute(message) || (await holds(message))) low = middle;
    else high = told - 1;
  }
  return low;
}

/** @throws AzudError `log-damaged` */
async function messageAt(folder: SegmentFolder, offset: number): Promise<Message> {
  const segment = await folder.segmentOf(offset);
  const entry = (await folder.index(segment)).at(offset);
  let found: Message | null = null;
  await folder.scan(segment, entry, (cursor) => {
    if (cursor.offset === offset) found = decodeRecord(cursor.buffer, cursor.at);
    return found === null;
  });
  if (found === null) throw damaged(segmentPath(folder.path, segment), entry.byte, `record ${offset} is missing`);
  return found;
}
