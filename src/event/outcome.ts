/** An event's one final state. Until then it is queued. */
export type Outcome = 'stored' | 'dead' | 'duplicate';

/** What became of the events of one batch, dataset or transaction. */
export interface Counts {
  readonly accepted: number;
  readonly stored: number;
  readonly duplicate: number;
  readonly dead: number;
}

export type ReceiptState = 'queued' | 'stored' | 'partial' | 'dead';

/** The record of one transaction. `accepted = stored + duplicate + dead + queued`, always. */
export interface Receipt {
  readonly transaction_id: string;
  /** Null when the transaction's events went to several datasets. */
  readonly dataset: string | null;
  /** ISO 8601. */
  readonly received_at: string;
  readonly state: ReceiptState;
  readonly counts: Counts & { readonly queued: number };
  /** Ids of the first 100. */
  readonly dead_letters: readonly ReceiptDeadLetter[];
}

export interface ReceiptDeadLetter {
  readonly id: string;
  readonly row: number;
  readonly code: string;
  readonly path: string;
  readonly message: string;
}

/** Queued while anything is; then dead when all are, stored when none is, else partial. */
export function receiptState(counts: Counts & { readonly queued: number }): ReceiptState {
  if (counts.queued > 0) return 'queued';
  if (counts.dead === 0) return 'stored';
  return counts.dead === counts.accepted ? 'dead' : 'partial';
}
