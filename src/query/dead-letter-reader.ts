import { isUtf8 } from 'node:buffer';
import { AzudError } from '../error/azud-error.ts';
import type { Column } from '../event/dataset.ts';
import { isUuid } from '../event/formats.ts';
import { QUERY_LIMITS } from '../limits.ts';
import type { Condition, Order, Value } from '../store/driver.ts';
import { DEAD_LETTERS } from '../store/tables.ts';
import { bindingOf, Cursors } from './cursor.ts';
import { FILTER_NAMES, letterFilter } from './dead-letter-request.ts';
import { invalidParameter, readLimit, readOnce, type SearchParams } from './parameters.ts';
import { allRecords, type ReadStore } from './stream.ts';

export type LetterState = 'dead' | 'discarded';

/** A dead letter as a list shows it. */
export interface DeadLetterSummary {
  readonly id: string;
  readonly dataset: string;
  readonly transaction_id: string;
  readonly event_id: string | null;
  readonly row: number;
  readonly stage: string;
  readonly code: string;
  readonly message: string;
  readonly path: string;
  /** ISO 8601. */
  readonly received_at: string;
  readonly state: LetterState;
  /** Why it was discarded. */
  readonly reason: string | null;
}

/** A dead letter with what the client sent. */
export interface DeadLetter extends DeadLetterSummary {
  /** Text when the bytes are UTF-8, else base64: `encoding` says which. */
  readonly original: string;
  readonly encoding: 'utf-8' | 'base64';
}

export interface DeadLetterPage {
  readonly data: readonly DeadLetterSummary[];
  readonly next: string | null;
}

/** A letter whose event may be tried again. */
export interface OpenLetter extends DeadLetterSummary {
  readonly bytes: Buffer;
}

const PARAMETERS: ReadonlySet<string> = new Set([...FILTER_NAMES, 'state', 'limit', 'cursor']);
const STATES = ['dead', 'discarded', 'any'] as const;
/** Newest first: what dies while pages are read comes before them, and is not met twice. Those of one batch as they were sent. */
const ORDER: readonly Order[] = [
  { column: 'received_at', descending: true },
  { column: 'transaction_id', descending: true },
  { column: 'row', descending: false },
  { column: 'id', descending: false },
];
const PLACE = ['timestamp', 'uuid', 'integer', 'uuid'] as const;
const ORIGINAL = 'original';

interface LettersQuery {
  readonly where: readonly Condition[];
  readonly after: readonly Value[] | null;
  readonly limit: number;
  readonly original: boolean;
}

/** Reads the dead letters of a store. */
export class DeadLetterReader {
  readonly #store: ReadStore;
  readonly #cursors: Cursors;

  constructor(store: ReadStore, cursorKey: Buffer) {
    this.#store = store;
    this.#cursors = new Cursors(cursorKey);
  }

  /**
   * A page, newest first, of letters that are still dead; `state=discarded` or `any` shows the others.
   * @throws AzudError `invalid-parameter`, `invalid-cursor`
   */
  async list(params: SearchParams, signal: AbortSignal): Promise<DeadLetterPage> {
    const given = readOnce(params, PARAMETERS);
    const state = given.get('state') ?? 'dead';
    if (!STATES.some((known) => known === state))
      throw invalidParameter('state', `must be one of ${STATES.join(', ')}`);
    const where = [...letterFilter(given), ...(state === 'any' ? [] : [inState(state)])];
    const limit = readLimit(given.get('limit'), QUERY_LIMITS.rowsDefault, QUERY_LIMITS.deadLettersMax);
    const binding = bindingOf(['dead letters', where]);
    const cursor = given.get('cursor');
    const after = cursor === undefined ? null : this.#cursors.decode(binding, cursor, PLACE);
    const letters = await this.#read({ where, after, limit: limit + 1, original: false }, signal);
    const data = letters.slice(0, limit).map(summaryOf);
    const last = letters.length > limit ? data.at(-1) : undefined;
    return { data, next: last ? this.#cursors.encode(binding, placeOf(last)) : null };
  }

  /** @throws AzudError `dead-letter-not-found` */
  async show(id: string, signal: AbortSignal): Promise<DeadLetter> {
    const { bytes, ...summary } = await this.find(id, signal);
    return isUtf8(bytes)
      ? { ...summary, original: bytes.toString(), encoding: 'utf-8' }
      : { ...summary, original: bytes.toString('base64'), encoding: 'base64' };
  }

  /** @throws AzudError `dead-letter-not-found` */
  async find(id: string, signal: AbortSignal): Promise<OpenLetter> {
    const where: Condition[] = [{ column: 'id', operator: 'eq', value: id.toLowerCase() }];
    const query: LettersQuery = { where, after: null, limit: 1, original: true };
    const [letter] = isUuid(id) ? await this.#read(query, signal) : [];
    if (!letter) throw new AzudError('dead-letter-not-found', `no dead letter ${id.slice(0, 64)}`);
    return openLetterOf(letter);
  }

  /** The dead letters of a filter, newest first, a page at a time. */
  async *pages(filter: readonly Condition[], signal: AbortSignal): AsyncGenerator<readonly OpenLetter[]> {
    const where = [...filter, inState('dead')];
    let after: readonly Value[] | null = null;
    for (;;) {
      const records = await this.#read({ where, after, limit: QUERY_LIMITS.replayPageMax, original: true }, signal);
      const page: readonly OpenLetter[] = records.map(openLetterOf);
      if (page.length > 0) yield page;
      const last = page.at(-1);
      if (last === undefined || page.length < QUERY_LIMITS.replayPageMax) return;
      after = placeOf(last);
    }
  }

  async #read({ where, after, limit, original }: LettersQuery, signal: AbortSignal): Promise<readonly LetterRecord[]> {
    const select: readonly Column[] = DEAD_LETTERS.columns.filter(({ name }) => original || name !== ORIGINAL);
    const stream = await this.#store.rows(
      { table: DEAD_LETTERS.name, select, where, order: ORDER, after, limit },
      { timeoutMs: QUERY_LIMITS.timeoutMs, rowsMax: limit, signal },
    );
    return allRecords(stream);
  }
}

type LetterRecord = Readonly<Record<string, Value>>;

function inState(state: string): Condition {
  return { column: 'state', operator: 'eq', value: state };
}

function placeOf({ received_at, transaction_id, row, id }: DeadLetterSummary): readonly Value[] {
  return [received_at, transaction_id, row, id];
}

function summaryOf(letter: LetterRecord): DeadLetterSummary {
  const text = (name: string): string => String(letter[name]);
  const textOrNull = (name: string): string | null => (letter[name] === null ? null : text(name));
  return {
    id: text('id'),
    dataset: text('dataset'),
    transaction_id: text('transaction_id'),
    event_id: textOrNull('event_id'),
    row: Number(letter.row),
    stage: text('stage'),
    code: text('code'),
    message: text('message'),
    path: text('path'),
    received_at: text('received_at'),
    state: letter.state === 'discarded' ? 'discarded' : 'dead',
    reason: textOrNull('reason'),
  };
}

function openLetterOf(letter: LetterRecord): OpenLetter {
  return { ...summaryOf(letter), bytes: Buffer.from(String(letter[ORIGINAL]), 'base64') };
}
