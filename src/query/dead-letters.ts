import type { PublishResult } from '../broker/driver.ts';
import { AzudError, type RowError } from '../error/azud-error.ts';
import type { Batch, Message } from '../event/batch.ts';
import { encodeBatch } from '../event/codec.ts';
import type { Dataset } from '../event/dataset.ts';
import type { Clock } from '../lib/clock.ts';
import { INTAKE_LIMITS, QUERY_LIMITS } from '../limits.ts';
import { TRANSACTIONS } from '../store/tables.ts';
import type { Log } from '../telemetry/log.ts';
import { DeadLetterReader, type OpenLetter } from './dead-letter-reader.ts';
import { type LetterFilter, readDiscard, readReplay, readReplayMany } from './dead-letter-request.ts';
import { type Corrected, Corrector, discardBatches, replayBatches } from './replay.ts';
import { allRecords, type ReadStore } from './stream.ts';

export interface DeadLettersOptions {
  readonly store: ReadStore;
  readonly broker: { publish(messages: readonly Message[]): Promise<readonly PublishResult[]> };
  readonly datasets: ReadonlyMap<string, Dataset>;
  /** Signs cursors, 32 bytes. */
  readonly cursorKey: Buffer;
  readonly clock: Clock;
  readonly log: Log;
}

/** Who asks, and for how long they wait. */
export interface Asked {
  /** Name for the audit. */
  readonly actor: string;
  readonly signal: AbortSignal;
  /** Wait up to this long for the replay to be written, ms; 0: answer once it is safe in the broker. */
  readonly waitMs?: number;
}

/** What became of a replayed letter; `queued` until its event is written. */
export interface ReplayResult {
  readonly id: string;
  readonly dataset: string;
  readonly transaction_id: string;
  readonly event_id: string;
  readonly state: 'queued' | 'stored' | 'duplicate' | 'dead';
}

export interface ReplayManyResult {
  readonly dry_run: boolean;
  readonly matched: number;
  /** A dry run's. */
  readonly would_pass?: number;
  /** Published: each is stored within moments, or stays a dead letter with the store's reason. */
  readonly replayed?: number;
  readonly failed: number;
  /** Why letters failed, the most frequent first. */
  readonly reasons: readonly ReplayReason[];
}

export interface ReplayReason {
  readonly code: string;
  readonly message: string;
  readonly count: number;
}

export interface DiscardResult {
  readonly matched: number;
  readonly discarded: number;
}

/** Reasons listed: beyond, they are most likely one reason with a value in its message. */
const REASONS_MAX = 100;
const WAIT_POLL_MS = 20;

/** Lists, shows, corrects, replays and discards dead letters. */
export class DeadLetters {
  readonly #options: DeadLettersOptions;
  readonly #reader: DeadLetterReader;
  readonly #corrector: Corrector;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
    this.#reader = new DeadLetterReader(options.store, options.cursorKey);
    this.#corrector = new Corrector(options.datasets);
  }

  /** See `DeadLetterReader.list`. */
  list(...call: Parameters<DeadLetterReader['list']>): ReturnType<DeadLetterReader['list']> {
    return this.#reader.list(...call);
  }

  /** See `DeadLetterReader.show`. */
  show(...call: Parameters<DeadLetterReader['show']>): ReturnType<DeadLetterReader['show']> {
    return this.#reader.show(...call);
  }

  /**
   * Tries one letter again, with the corrected event of `body` (`{"event":{…}}`) if it has one. It answers when the
   * replay is safe in the broker; until it is written the letter counts as dead.
   * @throws AzudError `schema-violation` with the errors (the letter is unchanged), `dead-letter-not-found`,
   *   `already-discarded`, `invalid-json`, or what the broker says
   */
  async replay(id: string, body: Buffer, { actor, signal, waitMs = 0 }: Asked): Promise<ReplayResult> {
    const event = readReplay(body);
    const letter = await this.#reader.find(id, signal);
    if (letter.state === 'discarded')
      throw new AzudError('already-discarded', `dead letter ${letter.id} was discarded`);
    const correction = this.#corrector.check(letter, event ?? letter.bytes);
    if ('errors' in correction) throw refused(letter, correction.errors);
    const [batch] = replayBatches([correction], this.#options.clock.now());
    await this.#publish(batch ? [batch] : []);
    this.#audit('dead letter replayed', { actor, id: letter.id, dataset: letter.dataset, corrected: event !== null });
    return {
      id: letter.id,
      dataset: letter.dataset,
      transaction_id: letter.transaction_id,
      event_id: correction.eventId,
      state: batch && waitMs > 0 ? await this.#settled(batch.id, waitMs, signal) : 'queued',
    };
  }

  /**
   * Tries all letters of a filter again, patched: `{"filter":{…},"patch":[…],"dry_run":true}`.
   * @throws AzudError `invalid-json`, `invalid-parameter`, `invalid-patch`; what was published before stays so
   */
  async replayMany(body: Buffer, { actor, signal }: Asked): Promise<ReplayManyResult> {
    const { filter, patch, dryRun } = readReplayMany(body);
    const { clock } = this.#options;
    const reasons = new Map<string, ReplayReason>();
    let matched = 0;
    let passed = 0;
    for await (const page of this.#reader.pages(filter, signal)) {
      const corrected: Corrected[] = [];
      for (const letter of page) {
        const begun = clock.monotonic();
        const correction = this.#corrector.checkPatched(letter, patch);
        if ('errors' in correction) countReason(reasons, correction.errors);
        else corrected.push(correction);
        const lastedMs = clock.monotonic() - begun;
        // Else reads and the loader would stand still until the last letter is checked.
        if (lastedMs > INTAKE_LIMITS.checkLongMs) await clock.sleep(lastedMs, signal);
        signal.throwIfAborted();
      }
      if (!dryRun) await this.#publish(replayBatches(corrected, this.#options.clock.now()));
      matched += page.length;
      passed += corrected.length;
    }
    if (!dryRun) this.#audit('dead letters replayed', { actor, filter, matched, replayed: passed });
    const sorted = [...reasons.values()].sort((a, b) => b.count - a.count).slice(0, REASONS_MAX);
    const count = dryRun ? { would_pass: passed } : { replayed: passed };
    return { dry_run: dryRun, matched, ...count, failed: matched - passed, reasons: sorted };
  }

  /**
   * Closes letters for good: `{"ids":[…]|"filter":{…},"reason":"…"}`. They stay readable, and dead in every sum.
   * @throws AzudError `invalid-json`, `invalid-parameter`; `dead-letter-not-found` for an id that is none
   */
  async discard(body: Buffer, { actor, signal }: Asked): Promise<DiscardResult> {
    const { ids, filter, reason } = readDiscard(body);
    let matched = 0;
    let discarded = 0;
    for await (const page of ids ? this.#found(ids, signal) : this.#reader.pages(filter, signal)) {
      const open = page.filter(({ state }) => state === 'dead');
      await this.#publish(discardBatches(open, reason, this.#options.clock.now()));
      matched += page.length;
      discarded += open.length;
    }
    this.#audit('dead letters discarded', { actor, reason, matched, discarded, ...(ids ? { ids } : { filter }) });
    return { matched, discarded };
  }

  /** All of them are looked up before any is discarded: a wrong id stops the whole. */
  async *#found(ids: readonly string[], signal: AbortSignal): AsyncGenerator<readonly OpenLetter[]> {
    const letters: OpenLetter[] = [];
    for (const id of new Set(ids)) {
      const letter = await this.#reader.find(id, signal);
      letters.push({ ...letter, bytes: Buffer.alloc(0) });
    }
    yield letters;
  }

  async #publish(batches: readonly Batch[]): Promise<void> {
    if (batches.length === 0) return;
    for (const result of await this.#options.broker.publish(batches.map(encodeBatch))) {
      if ('error' in result) throw result.error;
    }
  }

  /** What became of a batch of one line, once it is written. */
  async #settled(batchId: string, waitMs: number, signal: AbortSignal): Promise<ReplayResult['state']> {
    const { clock, store } = this.#options;
    const deadline = clock.monotonic() + waitMs;
    while (!signal.aborted) {
      const stream = await store.rows(
        {
          table: TRANSACTIONS.name,
          select: TRANSACTIONS.columns,
          where: [{ column: 'batch_id', operator: 'eq', value: batchId }],
          order: [{ column: 'batch_id', descending: false }],
          after: null,
          limit: 1,
        },
        { timeoutMs: QUERY_LIMITS.timeoutMs, rowsMax: 1, signal },
      );
      const [written] = await allRecords(stream);
      if (written) return Number(written.stored) > 0 ? 'stored' : Number(written.duplicate) > 0 ? 'duplicate' : 'dead';
      if (clock.monotonic() >= deadline) break;
      await clock.sleep(WAIT_POLL_MS, signal);
    }
    return 'queued';
  }

  #audit(action: string, fields: Readonly<Record<string, unknown>> & { readonly filter?: LetterFilter }): void {
    this.#options.log.info('audit', { action, ...fields });
  }
}

function refused(letter: OpenLetter, errors: readonly RowError[]): AzudError {
  const [first] = errors;
  return new AzudError('schema-violation', `${letter.dataset}: ${first?.message ?? 'the event does not fit'}`, {
    errors,
  });
}

function countReason(reasons: Map<string, ReplayReason>, errors: readonly RowError[]): void {
  // An event that breaks several rules is told by its first: mended, the next dry run shows the next.
  const { code, message } = errors[0] ?? { code: 'schema_violation', message: 'the event does not fit' };
  const key = JSON.stringify([code, message]);
  // Unlike messages may come by the million; those after the bound are counted by their code.
  const known = reasons.has(key) || reasons.size < REASONS_MAX ? key : code;
  const shown = known === key ? message : 'other reasons of this code';
  reasons.set(known, { code, message: shown, count: (reasons.get(known)?.count ?? 0) + 1 });
}
