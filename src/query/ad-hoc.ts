import { createHash } from 'node:crypto';
import { AzudError, isAzudError } from '../error/azud-error.ts';
import type { Clock } from '../lib/clock.ts';
import { AD_HOC_LIMITS } from '../limits.ts';
import type { AdHocLimits, AdHocRows, RowStream, SqlQuery } from '../store/driver.ts';
import type { Log } from '../telemetry/log.ts';
import type { AdHocConfig } from './config.ts';
import { type FormatOptions, formatRows } from './format/body.ts';
import { MEDIA_TYPES } from './format/negotiation.ts';
import { Seats } from './seats.ts';

export interface AdHocOptions {
  readonly store: { adHoc(query: SqlQuery, limits: AdHocLimits): Promise<AdHocRows> };
  readonly config: AdHocConfig;
  readonly clock: Clock;
  readonly log: Log;
}

export interface AdHocCall {
  readonly query: SqlQuery;
  readonly form: FormatOptions;
  /** Name of the token, for the bound and the audit. */
  readonly actor: string;
  readonly requestId: string;
  readonly signal: AbortSignal;
}

export interface AdHocAnswer {
  readonly contentType: string;
  readonly body: Buffer;
  /** The moment that the rows are of, ISO 8601. */
  readonly asOf: string;
}

/**
 * Answers one SELECT of a caller's own words. The answer is made whole, and bounded, before anything of it is given: what
 * fails is a problem, never half an answer.
 */
export class AdHoc {
  readonly #options: AdHocOptions;
  readonly #seats = new Seats(AD_HOC_LIMITS.concurrentMax, AD_HOC_LIMITS.concurrentPerTokenMax);

  constructor(options: AdHocOptions) {
    this.#options = options;
  }

  /**
   * @throws AzudError `rate-limited` when too many run already; `result-too-large`; what `StoreDriver.adHoc` throws
   */
  async run(call: AdHocCall): Promise<AdHocAnswer> {
    const startedMs = this.#options.clock.monotonic();
    let outcome = 'done';
    let facts = {};
    try {
      const answer = await this.#seats.hold(call.actor, () => this.#answer(call));
      facts = { bytes: answer.body.length, as_of: answer.asOf };
      return answer;
    } catch (error) {
      outcome = call.signal.aborted ? 'aborted' : isAzudError(error) ? error.code : 'internal';
      throw error;
    } finally {
      this.#audit(call, { outcome, duration_ms: Math.round(this.#options.clock.monotonic() - startedMs), ...facts });
    }
  }

  async #answer({ query, form, signal }: AdHocCall): Promise<AdHocAnswer> {
    const { store, config, clock } = this.#options;
    const { timeoutMs, maxAgeMs, memoryBytes } = config;
    const rows = await store.adHoc(query, { timeoutMs, maxAgeMs, memoryBytes, signal });
    const asOf = new Date(rows.asOf ?? clock.now()).toISOString();
    const bounded = { columns: rows.columns, chunks: counted(rows.chunks), asOf };
    return { contentType: MEDIA_TYPES[form.format], body: await whole(formatRows(bounded, form).chunks), asOf };
  }

  /** Who asked, and how it went; the text itself may hold what no log should, so its digest stands for it. */
  #audit({ query: { text }, actor, requestId }: AdHocCall, facts: Readonly<Record<string, unknown>>): void {
    const sha256 = createHash('sha256').update(text).digest('hex');
    this.#options.log.info('audit', { action: 'sql', actor, request_id: requestId, sha256, ...facts });
  }
}

async function* counted(chunks: RowStream['chunks']): RowStream['chunks'] & AsyncGenerator {
  let rows = 0;
  for await (const chunk of chunks) {
    rows += chunk.length;
    if (rows > AD_HOC_LIMITS.resultRowsMax) throw tooLarge(`${AD_HOC_LIMITS.resultRowsMax} rows`);
    yield chunk;
  }
}

async function whole(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const read: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > AD_HOC_LIMITS.resultBytesMax) throw tooLarge(`${AD_HOC_LIMITS.resultBytesMax} bytes`);
    read.push(chunk);
  }
  return Buffer.concat(read, bytes);
}

function tooLarge(most: string): AzudError {
  return new AzudError('result-too-large', `the result is larger than ${most}`, {
    hint: 'Add a LIMIT, name fewer columns, or aggregate.',
  });
}
