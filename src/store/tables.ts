import type { Column } from '../event/dataset.ts';

/**
 * Azud's own tables, the same in every store. They are read through `StoreDriver.rows` like any dataset; how a store
 * keeps `_ids` and `_progress` is its own affair.
 */
export interface SystemTable {
  readonly name: string;
  readonly columns: readonly Column[];
}

const column = (name: string, type: Column['type'], required = true): Column => ({ name, type, required });

/** One row a dead letter. A replayed one is removed in the transaction that stores its event; a discarded one stays. */
export const DEAD_LETTERS: SystemTable = {
  name: '_dead_letters',
  columns: [
    column('id', 'uuid'),
    column('dataset', 'string'),
    column('transaction_id', 'uuid'),
    column('event_id', 'string', false),
    column('row', 'integer'),
    column('stage', 'string'),
    column('code', 'string'),
    column('message', 'string'),
    column('path', 'string'),
    column('received_at', 'timestamp'),
    /** Original bytes in base64: they need not be UTF-8. */
    column('original', 'string'),
    /** `dead` or `discarded`. */
    column('state', 'string'),
    /** Why it was discarded. */
    column('reason', 'string', false),
  ],
};

/**
 * One row a batch written, only ever appended: a receipt is the sum over its transaction's rows. A replay appends
 * `stored +1, dead -1` (or `duplicate +1, dead -1`), `accepted 0`.
 */
export const TRANSACTIONS: SystemTable = {
  name: '_transactions',
  columns: [
    column('batch_id', 'uuid'),
    column('transaction_id', 'uuid'),
    column('dataset', 'string'),
    column('received_at', 'timestamp'),
    column('accepted', 'integer'),
    column('stored', 'integer'),
    column('duplicate', 'integer'),
    column('dead', 'integer'),
  ],
};

export const SYSTEM_TABLES: readonly SystemTable[] = [DEAD_LETTERS, TRANSACTIONS];
