import type { Backlog, Progress } from '../broker/driver.ts';
import { isAzudError } from '../error/azud-error.ts';
import type { Counts } from '../event/outcome.ts';
import type { Ledger } from '../store/driver.ts';

export interface ConservationOptions {
  readonly store: { ledger(): Promise<Ledger> };
  readonly broker: { backlog(after: Progress): Promise<Backlog> };
  readonly datasets: ReadonlyMap<string, unknown>;
}

/** What was accepted, and where it is now. */
export interface Balance {
  readonly dataset: string;
  readonly accepted: number;
  readonly stored: number;
  readonly duplicate: number;
  readonly dead: number;
  /** Null where something waits, or may wait, in a broker that cannot tell what: then `accepted` is what has reached the store. */
  readonly in_flight: number | null;
  /** `accepted = stored + duplicate + dead + in_flight`, to the last event, of what is known. */
  readonly balanced: boolean;
}

export interface ConservationReport {
  readonly balanced: boolean;
  readonly datasets: readonly Balance[];
}

/** Each further look needs the broker to have let go of something within one look: once is rare. */
const LOOKS_MAX = 3;

const NOTHING: Counts = { accepted: 0, stored: 0, duplicate: 0, dead: 0 };

/** Adds up both ends of the flow, at any moment and under load. */
export class Conservation {
  readonly #options: ConservationOptions;

  constructor(options: ConservationOptions) {
    this.#options = options;
  }

  /**
   * The store's sums and progress are of one moment; the broker then counts what lies after exactly that progress, and
   * everything it ever accepted, up to one end. So the two sides meet although events go on moving in between. Only a
   * broker that lets go of what lies after that progress, before it is asked, makes a new look necessary.
   */
  async report(): Promise<ConservationReport> {
    const { store, broker } = this.#options;
    for (let look = 1; ; look += 1) {
      const ledger = await store.ledger();
      const found = await broker.backlog(ledger.progress).then(
        (backlog) => this.#compare(ledger, backlog),
        (error: unknown) => {
          if (!isAzudError(error, 'log-behind')) throw error;
          return { balanced: false, error };
        },
      );
      if (!found.balanced && look < LOOKS_MAX && (await this.#hasMovedFrom(ledger.progress))) continue;
      if ('error' in found) throw found.error;
      return found;
    }
  }

  async #hasMovedFrom(progress: Progress): Promise<boolean> {
    const now = await this.#options.store.ledger();
    return JSON.stringify(now.progress) !== JSON.stringify(progress);
  }

  #compare({ counts, carried }: Ledger, { queued, accepted, messages, opaque }: Backlog): ConservationReport {
    const unknown = opaque === true && messages !== 0;
    const names = new Set([
      ...this.#options.datasets.keys(),
      ...counts.keys(),
      ...queued.keys(),
      ...carried.keys(),
      ...(accepted?.keys() ?? []),
    ]);
    const datasets = [...names].sort().map((dataset): Balance => {
      const sums = counts.get(dataset) ?? NOTHING;
      const inFlight = queued.get(dataset) ?? 0;
      const outcomes = sums.stored + sums.duplicate + sums.dead;
      // A broker that cannot count what it ever took leaves the store's own count of what it has seen.
      const known = accepted && (accepted.get(dataset) ?? 0) + (carried.get(dataset) ?? 0);
      const taken = known ?? sums.accepted + inFlight;
      return {
        dataset,
        accepted: taken,
        stored: sums.stored,
        duplicate: sums.duplicate,
        dead: sums.dead,
        in_flight: unknown ? null : inFlight,
        balanced: taken === outcomes + inFlight,
      };
    });
    return { balanced: datasets.every(({ balanced }) => balanced), datasets };
  }
}
