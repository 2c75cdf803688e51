import type { RowError } from '../error/azud-error.ts';
import { isAzudError, messageOf } from '../error/azud-error.ts';
import { rowCode } from '../error/catalogue.ts';
import type { Batch } from '../event/batch.ts';
import type { Dataset } from '../event/dataset.ts';
import { uuidV7 } from '../event/ids.ts';
import { type CheckedEvent, rowErrorOf, type Validator } from '../event/validator.ts';
import { Validators } from '../event/validators.ts';
import { inTime } from '../event/watch.ts';
import type { OpenLetter } from './dead-letter-reader.ts';
import { parseExact } from './exact-json.ts';
import { applyPatch, type PatchOperation } from './json-patch.ts';

/** A letter whose event fits its dataset now. */
export interface Corrected {
  readonly letter: OpenLetter;
  readonly eventId: string;
  /** One line of JSON without its newline. */
  readonly line: Buffer;
  readonly extras: boolean;
}

export type Correction = Corrected | { readonly errors: readonly RowError[] };

/** Checks the events of dead letters against their datasets as they are now. */
export class Corrector {
  readonly #validators: Validators;

  constructor(datasets: ReadonlyMap<string, Dataset>) {
    this.#validators = new Validators(datasets);
  }

  /** Checks `event` in place of what the letter holds. The event keeps the id it had. */
  check(letter: OpenLetter, event: Buffer): Correction {
    const validator = this.#validators.get(letter.dataset);
    if (!validator) return refusal('dataset-not-found', `the dataset ${letter.dataset} is not declared`);
    const { errors, eventId, extras, line } = this.#checked(validator, event);
    if (errors.length > 0) return { errors };
    // An event that never had an id gets the letter's: a letter is replayed once, and so is its event.
    return { letter, eventId: letter.event_id ?? eventId ?? letter.id, line, extras };
  }

  /** Checks what the letter holds, patched. */
  checkPatched(letter: OpenLetter, patch: readonly PatchOperation[]): Correction {
    if (patch.length === 0) return this.check(letter, letter.bytes);
    // A patch mends values, not syntax: of a key that stands twice, nobody may pick one in passing.
    const fault = this.#validators.get(letter.dataset)?.faultOf(letter.bytes);
    if (fault && UNREADABLE.has(fault.code)) return { errors: [fault] };
    try {
      const patched = applyPatch(parseExact(letter.bytes.toString()), patch);
      return this.check(letter, Buffer.from(JSON.stringify(patched)));
    } catch (error) {
      if (isAzudError(error, 'invalid-patch')) return refusal('invalid-patch', error.message);
      if (error instanceof SyntaxError) return refusal('invalid-json', messageOf(error));
      throw error;
    }
  }

  #checked(validator: Validator, event: Buffer): CheckedEvent {
    try {
      return inTime(
        () => validator.check(event),
        () => this.#validators.forgetLast(),
      );
    } catch (error) {
      if (!isAzudError(error, 'too-large')) throw error;
      return { errors: [rowErrorOf(error)], eventId: null, extras: false, line: event };
    }
  }
}

const UNREADABLE: ReadonlySet<string> = new Set(
  (['invalid-json', 'invalid-utf8', 'invalid-unicode', 'duplicate-key', 'too-deep', 'forbidden-key'] as const).map(
    rowCode,
  ),
);

function refusal(code: 'dataset-not-found' | 'invalid-patch' | 'invalid-json', message: string): Correction {
  return { errors: [{ path: '', code: rowCode(code), message }] };
}

/**
 * The batches that replay corrected letters: one for each dataset, transaction and moment of receipt, because an event
 * stays what it was, only corrected. So in upsert mode it does not win over events received after it.
 */
export function replayBatches(corrected: readonly Corrected[], nowMs: number): readonly Batch[] {
  const groups = Map.groupBy(corrected, ({ letter }) =>
    JSON.stringify([letter.dataset, letter.transaction_id, letter.received_at]),
  );
  return [...groups.values()].map((group): Batch => {
    const { letter } = group[0] as Corrected;
    return {
      ...emptyBatch(letter.dataset, nowMs),
      transactionId: letter.transaction_id,
      receivedAt: Date.parse(letter.received_at),
      count: group.length,
      lines: Buffer.concat(group.flatMap(({ line }) => [line, NEWLINE])),
      ids: group.map(({ eventId }) => eventId),
      rows: group.map((each) => each.letter.row),
      extras: group.some(({ extras }) => extras),
      replays: group.map((each) => each.letter.id),
    };
  });
}

/** The batches that close letters, one for each dataset. They change no count, so they are a transaction of their own. */
export function discardBatches(letters: readonly OpenLetter[], reason: string, nowMs: number): readonly Batch[] {
  const groups = Map.groupBy(letters, ({ dataset }) => dataset);
  return [...groups].map(([dataset, group]) => ({
    ...emptyBatch(dataset, nowMs),
    discards: group.map(({ id }) => ({ id, reason })),
  }));
}

const NEWLINE = Buffer.from('\n');

function emptyBatch(dataset: string, nowMs: number): Batch {
  return {
    id: uuidV7(nowMs),
    dataset,
    transactionId: uuidV7(nowMs),
    receivedAt: nowMs,
    source: 'replay',
    count: 0,
    lines: Buffer.alloc(0),
    ids: null,
    rows: null,
    extras: false,
    rejects: [],
    replays: null,
    discards: [],
  };
}
