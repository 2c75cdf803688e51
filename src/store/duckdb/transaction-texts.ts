import type { Batch } from '../../event/batch.ts';
import type { SettledBatch } from '../settle.ts';
import { TextBuffer } from './text-buffer.ts';

/** Gathers the parallel texts of `INSERT_TRANSACTIONS`, one line a batch. Made once, as `RowTexts` is. */
export class TransactionTexts {
  readonly #ids = new TextBuffer();
  readonly #transactions = new TextBuffer();
  readonly #datasets = new TextBuffer();
  readonly #times = new TextBuffer();
  readonly #accepted = new TextBuffer();
  readonly #stored = new TextBuffer();
  readonly #duplicate = new TextBuffer();
  readonly #dead = new TextBuffer();
  readonly #all = [
    ...[this.#ids, this.#transactions, this.#datasets, this.#times],
    ...[this.#accepted, this.#stored, this.#duplicate, this.#dead],
  ];

  /** Views that hold until the next call. */
  of(batches: readonly SettledBatch[]): readonly Uint8Array[] {
    for (const text of this.#all) text.clear();
    for (const { batch, counts } of batches) {
      if (batch.uuids) this.#ids.addUuid(batch.uuids, 0);
      else this.#ids.addLine(batch.id);
      addTransactionId(this.#transactions, batch);
      this.#datasets.addValue(batch.dataset);
      this.#times.addValue(batch.receivedAt);
      this.#accepted.addValue(counts.accepted);
      this.#stored.addValue(counts.stored);
      this.#duplicate.addValue(counts.duplicate);
      this.#dead.addValue(counts.dead);
    }
    return this.#all.map((text) => text.bytes());
  }
}

/** The id of the batch's transaction, as a line. */
export function addTransactionId(text: TextBuffer, batch: Batch): void {
  if (batch.uuids) text.addUuid(batch.uuids, 1);
  else text.addLine(batch.transactionId);
}
