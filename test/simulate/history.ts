import type { Position } from '../../src/broker/driver.ts';
import type { Message } from '../../src/event/batch.ts';
import { decodeBatch } from '../../src/event/codec.ts';
import { deadLetterId } from '../../src/event/ids.ts';
import { linesOf } from '../../src/store/settle.ts';

/** What a client made of an event; `cursed` takes its whole batch with it. */
export type Kind = 'good' | 'poison' | 'cursed' | 'invalid' | 'undeclared';

/** One event of a client, named by its number, in every attempt to send it. */
export interface SentEvent {
  readonly n: number;
  readonly kind: Kind;
  /** Sent again, it is the same event: it has an id. */
  readonly identified: boolean;
  attempts: number;
  acked: number;
}

/** One message that was given to the broker. */
export interface SentBatch {
  readonly id: string;
  readonly transactionId: string;
  readonly dataset: string;
  readonly accepted: number;
  readonly events: readonly number[];
  /** Letters that it must leave behind unless they are replayed: id → event. */
  readonly letters: ReadonlyMap<string, number>;
  readonly replays: readonly string[];
  readonly discards: readonly string[];
  acked: boolean;
}

/** Everything that the world outside knows of the system: what it sent, and what it was promised. */
export class History {
  readonly events = new Map<number, SentEvent>();
  readonly batches = new Map<string, SentBatch>();
  readonly faults: string[] = [];
  /** The log was put back as it was earlier: the store may be of another. */
  older = false;
  /** The log was found to be another than the store's, and nobody has adopted it. */
  refused = false;
  readonly #places = new Map<string, string>();

  /** Something happened that must not. */
  wrong(what: string): void {
    if (this.faults.length < 20) this.faults.push(what);
  }

  add(event: Pick<SentEvent, 'n' | 'kind' | 'identified'>): void {
    this.events.set(event.n, { ...event, attempts: 0, acked: 0 });
  }

  sent(message: Message): void {
    const batch = decodeBatch(message);
    const lines = linesOf(batch.lines).map(numberOf);
    const rejects = batch.rejects.map(({ original }) => numberOf(original));
    const letters = new Map(batch.rejects.map(({ id }, at) => [id, rejects[at] ?? 0]));
    if (!batch.replays) {
      const cursed = lines.some((n) => this.events.get(n)?.kind === 'cursed');
      for (const [line, n] of lines.entries()) {
        const bad = cursed || (this.events.get(n)?.kind ?? 'good') !== 'good';
        if (bad) letters.set(deadLetterId(batch.transactionId, batch.rows?.[line] ?? line + 1), n);
      }
    }
    const events = batch.replays ? [] : [...lines, ...rejects];
    for (const n of events) (this.events.get(n) as SentEvent).attempts += 1;
    this.batches.set(batch.id, {
      id: batch.id,
      transactionId: batch.transactionId,
      dataset: batch.dataset,
      accepted: message.events,
      events,
      letters,
      replays: batch.replays ?? [],
      discards: batch.discards.map(({ id }) => id),
      acked: false,
    });
  }

  acked(batchId: string, position: Position | null): void {
    const batch = this.batches.get(batchId);
    if (!batch) {
      this.wrong(`batch ${batchId} was acknowledged and never sent`);
      return;
    }
    batch.acked = true;
    for (const n of batch.events) (this.events.get(n) as SentEvent).acked += 1;
    this.lies(batchId, position);
  }

  /** A damaged record was met: before the next boot loads, the operator skips it. */
  damaged = false;
  /** Records that were skipped. */
  skipped = 0;

  /** So many records from a place on cannot be read any more: what stands there now is none of the batches sent. */
  skips(first: number, records: number): void {
    this.skipped += records;
    for (const [place, id] of this.#places) {
      const offset = Number(place.split(' ').at(-1));
      if (offset < first || offset >= first + records) continue;
      this.#places.delete(place);
      const batch = this.batches.get(id);
      if (batch?.acked) this.#unpromise(batch);
    }
  }

  /** Ids of the batches that are acknowledged. */
  get acknowledged(): ReadonlySet<string> {
    return new Set([...this.batches.values()].flatMap(({ id, acked }) => (acked ? id : [])));
  }

  /** The log is again as it was when these were acknowledged: nothing is promised of the others any more. */
  putBack(kept: ReadonlySet<string>): void {
    this.older = true;
    for (const batch of this.batches.values()) {
      if (batch.acked && !kept.has(batch.id)) this.#unpromise(batch);
    }
  }

  #unpromise(batch: SentBatch): void {
    batch.acked = false;
    for (const n of batch.events) (this.events.get(n) as SentEvent).acked -= 1;
  }

  /** A place names one batch, for ever. */
  lies(batchId: string, position: Position | null): void {
    const place = `${position?.stream} ${position?.term} ${position?.offset}`;
    const known = this.#places.get(place);
    if (known !== undefined && known !== batchId)
      this.wrong(`the position ${place} was given to ${known} and ${batchId}`);
    this.#places.set(place, batchId);
  }
}

/** The number in an event's bytes, even where they are no JSON. */
export function numberOf(line: Buffer): number {
  return Number(/"n":"?(\d+)/.exec(line.toString('latin1'))?.[1] ?? Number.NaN);
}
