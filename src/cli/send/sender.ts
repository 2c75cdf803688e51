import { AzudError, isAzudError, type RowError } from '../../error/azud-error.ts';
import { backoffMs } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Client } from '../client.ts';
import type { FileBatch } from './batches.ts';
import type { Journal, SentSoFar } from './journal.ts';

const REQUESTS_IN_FLIGHT = 4;
const BACKOFF = { firstMs: 250, maxMs: 15_000 };
const ERRORS_KEPT = 10;

export interface SendOptions {
  readonly client: Client;
  readonly dataset: string;
  readonly batches: AsyncIterable<FileBatch>;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long a batch is tried while the server is away, ms. */
  readonly patienceMs: number;
  readonly onProgress: (sent: Sent) => void;
  /** Says why it waits. */
  readonly onRetry: (message: string) => void;
}

export interface Sent {
  readonly events: number;
  readonly bytes: number;
  readonly accepted: number;
  readonly rejected: number;
  /** Batches that an earlier run had sent. */
  readonly resumed: number;
}

export interface SendSummary extends Sent {
  /** The first ten, rows counted in the file. */
  readonly errors: readonly RowError[];
  readonly transactions: number;
  /** Of the rejected, those that were alone in a request: refused whole, so they are no dead letters. */
  readonly notKept: number;
  readonly firstTransaction: string | null;
}

interface Answer {
  readonly transaction_id: string;
  readonly accepted: number;
  readonly rejected: number;
  readonly errors: readonly RowError[];
}

/**
 * Sends batches with some requests in flight. A batch that gets no answer, or "try later", is sent again with the same
 * key until it is acknowledged, so nothing is lost or stored twice.
 * @throws AzudError the server's refusal; `not-connected`, `unavailable` … when patience ends
 */
export async function sendBatches(options: SendOptions): Promise<SendSummary> {
  const run = new Run(options, await sentBefore(options));
  const inFlight = new Set<Promise<void>>();
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  let failure: unknown;
  try {
    for await (const batch of options.batches) {
      if (signal.aborted) break;
      if (run.skips(batch)) continue;
      const request = run
        .send(batch, signal)
        .catch((error) => {
          failure ??= error;
          failed.abort();
        })
        .finally(() => inFlight.delete(request));
      inFlight.add(request);
      if (inFlight.size >= REQUESTS_IN_FLIGHT) await Promise.race(inFlight);
    }
  } finally {
    await Promise.all(inFlight);
  }
  if (options.signal.aborted) {
    throw new AzudError('draining', 'stopped before the end', { hint: 'The same command goes on from here.' });
  }
  if (failure !== undefined) throw failure;
  options.journal.remove();
  return run.summary();
}

/**
 * What an earlier run had sent, if the server still knows of it. A server that was set up anew, or is another at the same
 * address, is sent everything; so is one that cannot say: the keys keep it from storing anything twice.
 */
async function sentBefore({ journal, client, signal, onRetry }: SendOptions): Promise<SentSoFar | null> {
  const before = journal.read();
  if (before === null || before.transaction === null) return null;
  try {
    await client.request(`/v1/transactions/${before.transaction}`, { signal });
    return before;
  } catch (error) {
    if (!isAzudError(error)) throw error;
    onRetry(`what was sent before is not found (${error.message}); sending the file from its beginning`);
    return null;
  }
}

class Run {
  readonly #options: SendOptions;
  readonly #acknowledged = new Map<number, { readonly batch: FileBatch; readonly answer: Answer }>();
  readonly #errors: RowError[] = [];
  readonly #before: SentSoFar | null;
  #lastTransaction: string | null;
  #next = 0;
  #lastKey = '';
  #events = 0;
  #bytes = 0;
  #accepted = 0;
  #rejected = 0;
  #resumed = 0;
  #transactions = 0;
  #notKept = 0;
  #firstTransaction: string | null = null;

  constructor(options: SendOptions, before: SentSoFar | null) {
    this.#options = options;
    this.#before = before;
    this.#lastTransaction = before?.transaction ?? null;
  }

  /** True for a batch that an earlier run had acknowledged. @throws AzudError `invalid-usage` when the file changed since */
  skips(batch: FileBatch): boolean {
    if (this.#before === null || batch.index >= this.#before.batches) return false;
    if (batch.index === this.#before.batches - 1) {
      if (batch.key !== this.#before.key) {
        this.#options.journal.remove();
        throw new AzudError(
          'invalid-usage',
          'the file has changed since it was sent in part; run the command again to send all of it',
          {
            hint: 'Events with an event_id are stored once even so.',
          },
        );
      }
      this.#accepted = this.#before.accepted;
      this.#rejected = this.#before.rejected;
    }
    this.#count(batch);
    this.#next = batch.index + 1;
    this.#resumed++;
    this.#options.onProgress(this.sent());
    return true;
  }

  async send(batch: FileBatch, signal: AbortSignal): Promise<void> {
    const { clock, patienceMs, onRetry } = this.#options;
    const until = clock.monotonic() + patienceMs;
    for (let attempt = 0; ; attempt++) {
      try {
        return this.#acknowledge(batch, await this.#post(batch, signal));
      } catch (error) {
        if (signal.aborted) return;
        const refused = refusal(error, batch);
        if (refused) return this.#acknowledge(batch, refused);
        if (!isAzudError(error) || !error.entry.retryable) throw inFile(error, batch);
        const waitMs = Math.max(backoffMs(attempt, BACKOFF), (error.retryAfterSeconds ?? 0) * 1_000);
        if (clock.monotonic() + waitMs > until) throw inFile(error, batch);
        onRetry(`${error.message}; trying again in ${(waitMs / 1_000).toFixed(1)} s`);
        await clock.sleep(waitMs, signal);
      }
    }
  }

  sent(): Sent {
    return {
      events: this.#events,
      bytes: this.#bytes,
      accepted: this.#accepted,
      rejected: this.#rejected,
      resumed: this.#resumed,
    };
  }

  summary(): SendSummary {
    return {
      ...this.sent(),
      errors: this.#errors.sort((a, b) => (a.row ?? 0) - (b.row ?? 0)).slice(0, ERRORS_KEPT),
      transactions: this.#transactions,
      notKept: this.#notKept,
      firstTransaction: this.#firstTransaction,
    };
  }

  #post(batch: FileBatch, signal: AbortSignal): Promise<Answer> {
    const { client, dataset } = this.#options;
    return client.json<Answer>(`/v1/events/${encodeURIComponent(dataset)}`, {
      method: 'POST',
      headers: { 'content-type': batch.contentType, 'idempotency-key': batch.key },
      body: batch.body,
      signal,
    });
  }

  #acknowledge(batch: FileBatch, answer: Answer): void {
    this.#acknowledged.set(batch.index, { batch, answer });
    if (answer.transaction_id === '') this.#notKept += answer.rejected;
    else this.#transactions++;
    this.#firstTransaction ??= answer.transaction_id || null;
    if (this.#errors.length < ERRORS_KEPT) {
      this.#errors.push(...answer.errors.map((error) => ({ ...error, row: (error.row ?? 1) + batch.firstRow - 1 })));
    }
    this.#count(batch);
    this.#advance();
    this.#options.onProgress(this.sent());
  }

  /** Answers come in any order; the journal names only the batches before the first gap. */
  #advance(): void {
    const from = this.#next;
    for (let done = this.#acknowledged.get(this.#next); done; done = this.#acknowledged.get(this.#next)) {
      this.#acknowledged.delete(this.#next);
      this.#accepted += done.answer.accepted;
      this.#rejected += done.answer.rejected;
      this.#lastKey = done.batch.key;
      this.#lastTransaction = done.answer.transaction_id || this.#lastTransaction;
      this.#next++;
    }
    if (this.#next === from) return;
    this.#options.journal.write({
      batches: this.#next,
      key: this.#lastKey,
      accepted: this.#accepted,
      rejected: this.#rejected,
      transaction: this.#lastTransaction,
    });
  }

  #count(batch: FileBatch): void {
    this.#events += batch.count;
    this.#bytes += batch.bytes;
  }
}

/** A batch in which nothing fits is answered 422 with its rows: that is a result, not a failure. */
function refusal(error: unknown, batch: FileBatch): Answer | null {
  if (!isAzudError(error) || error.entry.status !== 422 || error.errors.length === 0) return null;
  return { transaction_id: '', accepted: 0, rejected: batch.count, errors: error.errors };
}

function inFile(error: unknown, batch: FileBatch): unknown {
  if (!isAzudError(error)) return error;
  return new AzudError(error.code, `rows ${batch.firstRow} to ${batch.firstRow + batch.count - 1}: ${error.message}`, {
    cause: error,
    hint: error.hint,
    errors: error.errors,
  });
}
