import type { Located } from '../broker/driver.ts';
import { AzudError, isAzudError } from '../error/azud-error.ts';
import type { Batch, Message } from '../event/batch.ts';
import { decodeBatch } from '../event/codec.ts';
import { isUuid } from '../event/formats.ts';
import { type Receipt, type ReceiptDeadLetter, receiptState } from '../event/outcome.ts';
import type { TakenIn } from '../event/taken-in.ts';
import type { Clock } from '../lib/clock.ts';
import { QUERY_LIMITS } from '../limits.ts';
import type { Value } from '../store/driver.ts';
import { DEAD_LETTERS, type SystemTable, TRANSACTIONS } from '../store/tables.ts';
import type { Commits } from './commits.ts';
import { allRecords, type ReadStore } from './stream.ts';

export interface ReceiptsOptions {
  readonly store: ReadStore;
  /** Answers none where the broker cannot find a transaction. */
  readonly broker: { find(transactionId: string): Promise<readonly Located[]> };
  /** What was taken in under a transaction lately, where the broker cannot find it. */
  readonly takenIn?: (transactionId: string) => Promise<TakenIn | null>;
  readonly commits: Pick<Commits, 'next'>;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** Who asks for a receipt, and what they bring. */
export interface Asking {
  readonly signal: AbortSignal;
  /** Which datasets the asker may know of: a transaction that holds another is not found. All by default. */
  readonly visible?: (dataset: string) => boolean;
  /** What the process that took it in knows of it. */
  readonly takenIn?: TakenIn | null;
}

/** A wait: for how long, ms, and the client's going away. */
export interface Patience {
  readonly ms: number;
  readonly signal: AbortSignal;
  readonly takenIn?: TakenIn | null;
}

/** A receipt is read this long after the last look even when no commit was told: the loader may be in another process. */
const RECHECK_FIRST_MS = 500;
const RECHECK_MAX_MS = 2_000;

const DEAD_LETTERS_LISTED = 100;
/** Batches of one transaction: a request makes a handful; replays and retries of it add some. */
const BATCHES_MAX = 1_000_000;

type SystemRow = Readonly<Record<string, Value>>;

/** Answers what became of a transaction. */
export class Receipts {
  readonly #options: ReceiptsOptions;
  readonly #reading = new Map<string, Promise<Receipt | null>>();

  constructor(options: ReceiptsOptions) {
    this.#options = options;
  }

  /** @throws AzudError `transaction-not-found`, also for what is no transaction id at all */
  async of(transactionId: string, { signal, visible = all, takenIn = null }: Asking): Promise<Receipt> {
    const id = transactionId.toLowerCase();
    if (!isUuid(id)) throw notFound(transactionId);
    // The broker first: a batch that is written between the two reads is then seen twice, never not at all.
    const held = await this.#options.broker.find(id);
    const told = takenIn ?? (await this.#options.takenIn?.(id)) ?? null;
    const written = await this.#read({ table: TRANSACTIONS, order: ['batch_id'], limit: BATCHES_MAX }, id, signal);
    const waiting = told ? queuedOfTold(told, written) : queuedOf(held, written);
    if (written.length + waiting.length === 0) throw notFound(transactionId);
    const datasets = new Set([
      ...written.map((row) => String(row.dataset)),
      ...waiting.map((message) => message.dataset),
    ]);
    if (![...datasets].every(visible)) throw notFound(transactionId);
    const queued = waiting.reduce((total, message) => total + message.events, 0);
    const counts = {
      accepted: sum(written, 'accepted') + queued,
      stored: sum(written, 'stored'),
      duplicate: sum(written, 'duplicate'),
      dead: sum(written, 'dead'),
      queued,
    };
    return {
      transaction_id: id,
      dataset: datasets.size === 1 ? ([...datasets][0] ?? null) : null,
      received_at: receivedAt(written, waiting),
      state: receiptState(counts),
      counts,
      dead_letters: await this.#deadLetters(id, signal),
    };
  }

  /**
   * The receipt once nothing of it is queued, or null when the time is over. It is first looked at after the next
   * commit: whoever waits has only just been answered by the broker.
   */
  async settled(transactionId: string, { ms, signal, takenIn = null }: Patience): Promise<Receipt | null> {
    const { commits, clock } = this.#options;
    const deadline = clock.monotonic() + ms;
    for (let recheckMs = RECHECK_FIRST_MS; ; recheckMs = Math.min(RECHECK_MAX_MS, recheckMs * 2)) {
      const leftMs = deadline - clock.monotonic();
      await commits.next(transactionId, Math.min(recheckMs, leftMs), signal);
      const receipt = await this.#shared(transactionId, takenIn);
      if (receipt && receipt.state !== 'queued') return receipt;
      if (leftMs <= recheckMs || signal.aborted) return null;
    }
  }

  /**
   * One reading for all who wait: a hundred repeats of a request are woken by the same commit. One that began a moment
   * before may miss what they wait for, never tell more than there is; they look again.
   */
  #shared(transactionId: string, takenIn: TakenIn | null): Promise<Receipt | null> {
    const reading =
      this.#reading.get(transactionId) ??
      this.#ofOrNull(transactionId, takenIn).finally(() => this.#reading.delete(transactionId));
    this.#reading.set(transactionId, reading);
    return reading;
  }

  async #ofOrNull(transactionId: string, takenIn: TakenIn | null): Promise<Receipt | null> {
    try {
      return await this.of(transactionId, { signal: AbortSignal.timeout(QUERY_LIMITS.timeoutMs), takenIn });
    } catch (error) {
      // The log is read with a delay: what was taken in this moment may not be found yet.
      if (isAzudError(error, 'transaction-not-found')) return null;
      throw error;
    }
  }

  async #deadLetters(id: string, signal: AbortSignal): Promise<readonly ReceiptDeadLetter[]> {
    const rows = await this.#read(
      { table: DEAD_LETTERS, order: ['row', 'id'], limit: DEAD_LETTERS_LISTED },
      id,
      signal,
    );
    return rows.map((row) => ({
      id: String(row.id),
      row: Number(row.row),
      code: String(row.code),
      path: String(row.path),
      message: String(row.message),
    }));
  }

  async #read(part: SystemRead, transactionId: string, signal: AbortSignal): Promise<readonly SystemRow[]> {
    const { table, order, limit } = part;
    const stream = await this.#options.store.rows(
      {
        table: table.name,
        select: table.columns.filter(({ name }) => name !== 'original'),
        where: [{ column: 'transaction_id', operator: 'eq', value: transactionId }],
        order: order.map((column) => ({ column, descending: false })),
        after: null,
        limit,
      },
      { timeoutMs: QUERY_LIMITS.timeoutMs, rowsMax: limit, signal },
    );
    return allRecords(stream);
  }
}

const all = (): boolean => true;

interface SystemRead {
  readonly table: SystemTable;
  readonly order: readonly string[];
  readonly limit: number;
}

/** Events of one dataset that are accepted and not in the store. */
type Waiting = Pick<Message, 'dataset' | 'events' | 'time'>;

/**
 * What was taken in and is not written yet, by numbers alone. A retry that was written too adds to what is written, never
 * to what waits.
 */
function queuedOfTold({ time, events }: TakenIn, written: readonly SystemRow[]): readonly Waiting[] {
  return [...events].flatMap(([dataset, accepted]) => {
    const done = sum(
      written.filter((row) => row.dataset === dataset),
      'accepted',
    );
    return accepted > done ? [{ dataset, events: accepted - done, time }] : [];
  });
}

/**
 * What the broker holds and the store has not written. A retry of the request (same Idempotency-Key) waits under the
 * same transaction; its rows are accounted for by the first one, and count when they are written, as duplicates.
 * So a transaction that was written never goes back to queued.
 */
function queuedOf(held: readonly Located[], written: readonly SystemRow[]): readonly Message[] {
  const settled = new Set(written.map((row) => row.batch_id));
  const heldIds = new Set(held.map(({ message }) => message.id));
  // Written so long ago that the broker let go of it: whatever waits for the same dataset can only be a retry.
  const closed = new Set(written.filter((row) => !heldIds.has(String(row.batch_id))).map((row) => row.dataset));
  const seen = new Set<string>();
  const queued: Message[] = [];
  const writtenFirst = [...held].sort((a, b) => Number(settled.has(b.message.id)) - Number(settled.has(a.message.id)));
  for (const { message } of writtenFirst) {
    // A replay accepts nothing: its rows were accounted for before.
    if (message.events === 0) continue;
    const rows = rowsOf(decodeBatch(message)).map((row) => `${message.dataset}:${row}`);
    // The parts of a split batch share no row, a retry shares them all.
    const retry = closed.has(message.dataset) || rows.some((row) => seen.has(row));
    for (const row of rows) seen.add(row);
    if (!retry && !settled.has(message.id)) queued.push(message);
  }
  return queued;
}

/** The rows of the request that a batch holds. */
function rowsOf({ count, rows, rejects }: Batch): readonly number[] {
  return [...(rows ?? Array.from({ length: count }, (_, line) => line + 1)), ...rejects.map(({ row }) => row)];
}

function sum(rows: readonly SystemRow[], column: string): number {
  return rows.reduce((total, row) => total + Number(row[column]), 0);
}

function receivedAt(written: readonly SystemRow[], waiting: readonly Waiting[]): string {
  const times = [
    ...written.map((row) => Date.parse(String(row.received_at))),
    ...waiting.map((message) => message.time),
  ];
  return new Date(times.reduce((first, time) => Math.min(first, time))).toISOString();
}

function notFound(id: string): AzudError {
  return new AzudError('transaction-not-found', `no transaction ${id.slice(0, 64)}`);
}
