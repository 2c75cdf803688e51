import type { Backlog, Progress } from '../broker/driver.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Committed } from './commit.ts';

export interface MeterOptions {
  readonly broker: { readonly capabilities: { readonly kind: string }; backlog(after: Progress): Promise<Backlog> };
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The store's own, where other loaders move it too; null: it is what this loader has written. */
  readonly progress: (() => Promise<Progress>) | null;
}

/** Turns what the loader did into metrics, and remembers how far the store has come for the lag. */
export class Meter {
  readonly #options: MeterOptions;
  readonly #queue: { readonly queue: string };
  #progress: Progress = [];

  constructor(options: MeterOptions) {
    this.#options = options;
    this.#queue = { queue: options.broker.capabilities.kind };
  }

  attempt(stage: string, attempt: number): void {
    this.#options.metrics.counter('azud_attempts_total', { stage, attempt: attempt === 0 ? 'first' : 'retry' }).inc();
  }

  reached(progress: Progress): void {
    this.#progress = progress;
    // The furthest: where a broker has several streams, the gauge still only grows.
    const offset = Math.max(0, ...progress.map((position) => position.offset));
    this.#options.metrics.gauge('azud_store_offset', this.#queue).set(offset);
  }

  committed(batches: readonly Committed[]): void {
    const { clock, metrics } = this.#options;
    let oldest = Number.POSITIVE_INFINITY;
    const progress = new Map(this.#progress.map((position) => [position.stream, position]));
    const totals = new Map<string, { stored: number; duplicate: number }>();
    for (const { written, counts } of batches) {
      if (written.position) progress.set(written.position.stream, written.position);
      if (counts === null) continue;
      const { dataset, receivedAt, replays } = written.batch;
      // A replayed event waited for a person, not for the flow.
      if (!replays) oldest = Math.min(oldest, receivedAt);
      const total = totals.get(dataset) ?? { stored: 0, duplicate: 0 };
      totals.set(dataset, total);
      total.stored += counts.stored;
      total.duplicate += counts.duplicate;
      if (counts.dead <= 0) continue;
      for (const [reason, count] of deadByReason(written)) {
        metrics.counter('azud_dead_letter_messages_total', { dataset, reason }).inc(count);
      }
    }
    for (const [dataset, { stored, duplicate }] of totals) {
      if (stored > 0) metrics.counter('azud_stored_total', { dataset }).inc(stored);
      if (duplicate > 0) metrics.counter('azud_duplicate_total', { dataset }).inc(duplicate);
    }
    this.reached([...progress.values()]);
    if (oldest !== Number.POSITIVE_INFINITY) {
      // Wall clocks of two machines may disagree by a little: never negative.
      const seconds = Math.max(0, clock.now() - oldest) / 1000;
      metrics.histogram('azud_end_to_end_duration_seconds', {}).observe(seconds);
    }
  }

  /** Looks at the broker's backlog again and again until the signal aborts. */
  async watchLag(signal: AbortSignal, intervalMs: number): Promise<void> {
    const { broker, clock, log, metrics, progress } = this.#options;
    while (!signal.aborted) {
      try {
        if (progress) this.reached(await progress());
        const { messages, bytes, oldestTime } = await broker.backlog(this.#progress);
        if (messages !== null) metrics.gauge('azud_queue_lag_messages', this.#queue).set(messages);
        metrics.gauge('azud_queue_lag_bytes', this.#queue).set(bytes);
        const ageMs = oldestTime === null ? 0 : Math.max(0, clock.now() - oldestTime);
        metrics.gauge('azud_queue_oldest_message_age_seconds', this.#queue).set(ageMs / 1000);
      } catch (error) {
        // The gauge goes stale, which is what it should look like; the session's own error stops or waits.
        log.debug('the backlog could not be read', { error });
      }
      await clock.sleep(intervalMs, signal);
    }
  }
}

/** A replayed line that fails again was counted when it died first. */
function deadByReason({ batch, dead }: Committed['written']): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const codes = [...batch.rejects, ...(batch.replays ? [] : dead.values())].map(({ code }) => code);
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  return counts;
}
