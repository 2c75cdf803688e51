import { checkRecord, findRecord, groupFirstOf, offsetOf } from './record.ts';

/**
 * Offset of a whole record behind `from` that belongs to a later group commit than the record `offset`, which should begin
 * there: it proves that one to have been synced. Null where there is none.
 */
export function laterGroup(bytes: Buffer, from: number, offset: number): number | null {
  for (let at = findRecord(bytes, from); at !== -1; at = findRecord(bytes, at + 1)) {
    const whole = checkRecord(bytes, at, bytes.length).state === 'whole' && offsetOf(bytes, at) > offset;
    if (whole && groupFirstOf(bytes, at) > offset) return offsetOf(bytes, at);
  }
  return null;
}
