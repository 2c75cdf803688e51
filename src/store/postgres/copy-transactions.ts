import { UUID_BYTES, writeUuidBytes } from '../../event/ids.ts';
import { withRoom } from '../../lib/room.ts';
import type { SettledBatch } from '../settle.ts';
import type { CopyTarget } from './copy.ts';

/** The columns in the order in which they are written. */
export const TRANSACTION_TARGET: CopyTarget = {
  into: '"_transactions" (batch_id, transaction_id, dataset, received_at, accepted, stored, duplicate, dead)',
  format: 'binary',
};
const FIELDS = 8;

/** The binary format of COPY: signature, flags and extension in front of the rows, a count of -1 behind them. */
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const END = -1;
const END_BYTES = 2;
/** A row without the dataset's name: its count of fields, the length of each, two ids, a time and four counts. */
const ROW_BYTES = 2 + FIELDS * 4 + 2 * UUID_BYTES + 5 * 8;
const FIRST_BYTES = 64 * 1024;
/** 2000-01-01, from which PostgreSQL counts its microseconds, ms since 1970. */
const EPOCH_MS = Date.UTC(2000);
const TWO_32 = 2 ** 32;

export type TransactionOf = Pick<SettledBatch, 'counts'> & {
  readonly batch: Pick<SettledBatch['batch'], 'id' | 'transactionId' | 'uuids' | 'dataset' | 'receivedAt'>;
};

/**
 * A row a batch, in the binary format: where events come alone each has one, and to write and read its ids and its time as texts
 * took both sides longer than all the rest of it. Made once: it keeps its memory.
 */
export class TransactionRows {
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = 0;
  readonly #pair = Buffer.alloc(2 * UUID_BYTES);
  #dataset = { name: '', bytes: Buffer.alloc(0) };

  /** The whole COPY. It holds until the next call. */
  of(batches: readonly TransactionOf[]): Buffer {
    this.#at = HEADER.copy(this.#bytes);
    for (const each of batches) this.#row(each);
    this.#reserve(END_BYTES);
    this.#at = this.#bytes.writeInt16BE(END, this.#at);
    return this.#bytes.subarray(0, this.#at);
  }

  #row({ batch, counts }: TransactionOf): void {
    const dataset = this.#bytesOf(batch.dataset);
    this.#reserve(ROW_BYTES + dataset.length);
    this.#at = this.#bytes.writeInt16BE(FIELDS, this.#at);
    this.#uuids(batch);
    this.#length(dataset.length);
    this.#at += dataset.copy(this.#bytes, this.#at);
    this.#integer((batch.receivedAt - EPOCH_MS) * 1000);
    this.#integer(counts.accepted);
    this.#integer(counts.stored);
    this.#integer(counts.duplicate);
    this.#integer(counts.dead);
  }

  #bytesOf(dataset: string): Buffer {
    if (dataset !== this.#dataset.name) this.#dataset = { name: dataset, bytes: Buffer.from(dataset) };
    return this.#dataset.bytes;
  }

  /** The batch's id, then its transaction's. */
  #uuids(batch: TransactionOf['batch']): void {
    const { uuids } = batch;
    if (uuids) {
      this.#uuid(uuids.bytes, uuids.at);
      this.#uuid(uuids.bytes, uuids.at + UUID_BYTES);
    } else {
      writeUuidBytes(batch.id, this.#pair, 0);
      writeUuidBytes(batch.transactionId, this.#pair, UUID_BYTES);
      this.#uuid(this.#pair, 0);
      this.#uuid(this.#pair, UUID_BYTES);
    }
  }

  #uuid(bytes: Buffer, from: number): void {
    this.#length(UUID_BYTES);
    for (let i = 0; i < UUID_BYTES; i += 1) this.#bytes[this.#at + i] = bytes[from + i] as number;
    this.#at += UUID_BYTES;
  }

  /** A whole number of 64 bits. */
  #integer(value: number): void {
    this.#length(8);
    const high = Math.floor(value / TWO_32);
    this.#at = this.#bytes.writeInt32BE(high, this.#at);
    this.#at = this.#bytes.writeUInt32BE(value - high * TWO_32, this.#at);
  }

  #length(bytes: number): void {
    this.#at = this.#bytes.writeInt32BE(bytes, this.#at);
  }

  #reserve(more: number): void {
    this.#bytes = withRoom(this.#bytes, this.#at, more);
  }
}
