import { crc32 } from 'node:zlib';
import { AzudError } from '../../error/azud-error.ts';
import type { Message } from '../../event/batch.ts';
import { UUID_BYTES, type UuidBytes, uuidText, writeUuidBytes } from '../../event/ids.ts';
import type { Span } from '../../event/span.ts';
import { LOG_LIMITS } from '../../limits.ts';

/**
 * One record, little endian:
 *
 *      0 magic u32 · 4 length u32, whole record · 8 crc32 u32 of everything behind it, seeded with the length
 *     12 offset u64 · 20 time f64 · 28 events u32 · 32 group u32: records of its group commit before it
 *     36 message id 16 B · 52 transaction id 16 B · 68 dataset length u8 · 69 dataset · payload
 *
 * `group` tells a torn tail from damage: the group commit after a record begins only when that record is on disk.
 */
const MAGIC = 0x44555a41;
const AT = { length: 4, crc: 8, offset: 12, time: 20, events: 28, group: 32, id: 36, transaction: 52, dataset: 68 };
export const RECORD_HEADER_BYTES = 69;
const DATASET_BYTES_MAX = 255;
const TWO_32 = 2 ** 32;

/** Payload that fits one record whatever the dataset's name. */
export const PAYLOAD_BYTES_MAX = LOG_LIMITS.recordBytesMax - RECORD_HEADER_BYTES - DATASET_BYTES_MAX;

export function recordBytes(message: Message): number {
  return RECORD_HEADER_BYTES + nameBytes(message.dataset) + message.payload.length;
}

let lastName = '';
let lastNameBytes = 0;

/** Of UTF-8. Asked three times for each message, of which one dataset's mostly come together. */
function nameBytes(dataset: string): number {
  if (dataset !== lastName) {
    lastName = dataset;
    lastNameBytes = Buffer.byteLength(dataset);
  }
  return lastNameBytes;
}

export interface RecordPlace {
  /** Byte of the buffer at which it begins. */
  readonly at: number;
  readonly offset: number;
  /** First offset of the group commit. */
  readonly groupFirst: number;
}

/** Writes a record where `recordBytes` must be free; answers the byte after it. */
export function encodeRecord(message: Message, buffer: Buffer, place: RecordPlace): number {
  const { at } = place;
  const datasetBytes = buffer.write(message.dataset, at + RECORD_HEADER_BYTES);
  const payloadAt = at + RECORD_HEADER_BYTES + datasetBytes;
  const end = payloadAt + message.payload.length;
  buffer.writeUInt32LE(MAGIC, at);
  buffer.writeUInt32LE(end - at, at + AT.length);
  buffer.writeUInt32LE(place.offset % TWO_32, at + AT.offset);
  buffer.writeUInt32LE(Math.floor(place.offset / TWO_32), at + AT.offset + 4);
  buffer.writeDoubleLE(message.time, at + AT.time);
  buffer.writeUInt32LE(message.events, at + AT.events);
  buffer.writeUInt32LE(place.offset - place.groupFirst, at + AT.group);
  writeUuids(message, buffer, at + AT.id);
  buffer[at + AT.dataset] = datasetBytes;
  message.payload.copy(buffer, payloadAt);
  buffer.writeUInt32LE(checksum(buffer, at, end - at), at + AT.crc);
  return end;
}

/** The message's own id and that of its transaction, one behind the other. */
function writeUuids(message: Message, buffer: Buffer, at: number): void {
  const { uuids } = message;
  if (uuids) {
    uuids.bytes.copy(buffer, at, uuids.at, uuids.at + 2 * UUID_BYTES);
  } else {
    writeUuidBytes(message.id, buffer, at);
    writeUuidBytes(message.transactionId, buffer, at + UUID_BYTES);
  }
}

/** @throws AzudError `internal` when the message cannot stand in a record: its maker is wrong, not its sender */
export function assertEncodable(message: Message): void {
  const { dataset, uuids } = message;
  const hasIds = uuids !== undefined || (UUID.test(message.id) && UUID.test(message.transactionId));
  if (hasIds && nameBytes(dataset) <= DATASET_BYTES_MAX) return;
  throw new AzudError(
    'internal',
    `the message ${message.id} of ${dataset} has an id that is no UUID, or too long a name`,
  );
}

export type RecordCheck =
  | { readonly state: 'whole'; readonly bytes: number }
  /** At least `bytes` are needed to say more. */
  | { readonly state: 'short'; readonly bytes: number }
  | { readonly state: 'bad'; readonly reason: string };

/** Looks at what begins at `at`, of which bytes up to `end` are known. */
export function checkRecord(buffer: Buffer, at: number, end: number): RecordCheck {
  if (end - at < AT.offset) return { state: 'short', bytes: RECORD_HEADER_BYTES };
  if (buffer.readUInt32LE(at) !== MAGIC) return { state: 'bad', reason: 'no record begins here' };
  const bytes = buffer.readUInt32LE(at + AT.length);
  if (bytes < RECORD_HEADER_BYTES || bytes > LOG_LIMITS.recordBytesMax) {
    return { state: 'bad', reason: `a record cannot have ${bytes} bytes` };
  }
  if (end - at < bytes) return { state: 'short', bytes };
  if (buffer.readUInt32LE(at + AT.crc) !== checksum(buffer, at, bytes)) {
    return { state: 'bad', reason: 'the checksum does not fit the record' };
  }
  return { state: 'whole', bytes };
}

/** Byte at which the next record may begin, from `at` on; -1 when there is none. */
export function findRecord(buffer: Buffer, at: number): number {
  return buffer.indexOf(MAGIC_BYTES, at);
}

/** The functions below read a record that `checkRecord` called whole. */

export function offsetOf(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at + AT.offset) + buffer.readUInt32LE(at + AT.offset + 4) * TWO_32;
}

export function groupFirstOf(buffer: Buffer, at: number): number {
  return offsetOf(buffer, at) - buffer.readUInt32LE(at + AT.group);
}

/** Bytes of the whole record. */
export function lengthOf(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at + AT.length);
}

export function timeOf(buffer: Buffer, at: number): number {
  return buffer.readDoubleLE(at + AT.time);
}

export function eventsOf(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at + AT.events);
}

/** @param likely what it probably is, e.g. that of the record before: then nothing is made of it anew */
export function datasetOf(buffer: Buffer, at: number, likely = ''): string {
  if (hasDataset(buffer, at, likely)) return likely;
  return buffer.toString('utf8', at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + datasetBytesOf(buffer, at));
}

export function payloadBytesOf(buffer: Buffer, at: number): number {
  return lengthOf(buffer, at) - RECORD_HEADER_BYTES - datasetBytesOf(buffer, at);
}

/** True when the record belongs to the transaction, given as `uuidBytes`. */
export function isOfTransaction(buffer: Buffer, at: number, transaction: Buffer): boolean {
  return transaction.compare(buffer, at + AT.transaction, at + AT.transaction + 16) === 0;
}

/** The payload is a view of the buffer. @param likely as in `datasetOf` */
export function decodeRecord(buffer: Buffer, at: number, likely = ''): Message {
  return new RecordMessage(buffer, at, likely);
}

/**
 * A message that goes on lying in its record: what is asked for once, or never, is made when it is asked for. Thousands of
 * single events wait for their unit at a time, and what is kept of each is what the garbage collector has to carry.
 */
class RecordMessage implements Message, UuidBytes, Span {
  readonly dataset: string;
  /** The buffer that the record lies in, where in it its ids begin, and where its payload does and ends. */
  readonly bytes: Buffer;
  readonly at: number;
  readonly from: number;
  readonly to: number;

  constructor(buffer: Buffer, at: number, likely: string) {
    this.bytes = buffer;
    this.at = at + AT.id;
    this.dataset = datasetOf(buffer, at, likely);
    this.from = at + RECORD_HEADER_BYTES + datasetBytesOf(buffer, at);
    this.to = at + lengthOf(buffer, at);
  }

  get payload(): Buffer {
    return this.bytes.subarray(this.from, this.to);
  }

  get payloadSpan(): Span {
    return this;
  }

  get id(): string {
    return uuidText(this.bytes, this.at);
  }

  get transactionId(): string {
    return uuidText(this.bytes, this.at + AT.transaction - AT.id);
  }

  get uuids(): UuidBytes {
    return this;
  }

  get events(): number {
    return eventsOf(this.bytes, this.at - AT.id);
  }

  get time(): number {
    return timeOf(this.bytes, this.at - AT.id);
  }
}

/** The 16 bytes of a UUID, or null when the text is none. */
export function uuidBytes(text: string): Buffer | null {
  return UUID.test(text) ? Buffer.from(text.replaceAll('-', ''), 'hex') : null;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MAGIC_BYTES = Buffer.from([0x41, 0x5a, 0x55, 0x44]);

function datasetBytesOf(buffer: Buffer, at: number): number {
  return buffer[at + AT.dataset] ?? 0;
}

/** False of a name beyond ASCII too: its bytes are more than its characters. */
function hasDataset(buffer: Buffer, at: number, name: string): boolean {
  if (datasetBytesOf(buffer, at) !== name.length) return false;
  for (let i = 0; i < name.length; i += 1) {
    if (buffer[at + RECORD_HEADER_BYTES + i] !== name.charCodeAt(i)) return false;
  }
  return true;
}

/** Seeded with the length, so that a flipped bit there is found even where the shorter record would check. */
function checksum(buffer: Buffer, at: number, bytes: number): number {
  return crc32(buffer.subarray(at + AT.offset, at + bytes), bytes);
}
