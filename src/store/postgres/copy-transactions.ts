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
    this.#uuid(batch, 0);
    this.#uuid(batch, 1);
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

  /** The batch's id or, second, its transaction's: by name, for a batch that has the bytes makes the text when it is looked at. */
  #uuid(batch: TransactionOf['batch'], n: 0 | 1): void {
    this.#length(UUID_BYTES);
    const { uuids } = batch;
    if (uuids) {
      const from = uuids.at + n * UUID_BYTES;
      uuids.bytes.copy(this.#bytes, this.#at, from, from + UUID_BYTES);
    } else {
      writeUuidBytes(n === 0 ? batch.id : batch.transactionId, this.#bytes, this.#at);
    }
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
