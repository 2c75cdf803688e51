import { checkRecord, findRecord, groupFirstOf, offsetOf } from './record.ts';

/** First bytes of the records behind `from` that are whole, whatever lies between them. */
export function* wholeRecords(bytes: Buffer, from: number): Generator<number> {
  for (let byte = findRecord(bytes, from); byte !== -1; byte = findRecord(bytes, byte + 1)) {
    if (checkRecord(bytes, byte, bytes.length).state === 'whole') yield byte;
  }
}

/**
 * Offset of a whole record behind `from` that belongs to a later group commit than the record `offset`, which should begin
 * there: it proves that one to have been synced. Null where there is none.
 */
export function laterGroup(bytes: Buffer, from: number, offset: number): number | null {
  for (const byte of wholeRecords(bytes, from)) {
    if (offsetOf(bytes, byte) > offset && groupFirstOf(bytes, byte) > offset) return offsetOf(bytes, byte);
  }
  return null;
}
