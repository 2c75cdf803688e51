import { AzudError } from '../error/azud-error.ts';
import { type Column, type Dataset, SYSTEM_COLUMNS } from '../event/dataset.ts';
import { didYouMean } from '../lib/nearest.ts';
import { QUERY_LIMITS } from '../limits.ts';
import type { Condition, Order, RowStream, RowsQuery } from '../store/driver.ts';
import { bindingOf, Cursors } from './cursor.ts';
import { isFilter, parseFilter } from './filters.ts';
import { FORM_PARAMETERS } from './format/negotiation.ts';
import { checkSize, invalidParameter, readLimit, type SearchParams, unknownParameter } from './parameters.ts';
import { allRows, primed, type ReadStore, type Row } from './stream.ts';
import { expected, parseValue } from './values.ts';

export interface RowsReaderOptions {
  readonly store: ReadStore;
  readonly datasets: ReadonlyMap<string, Dataset>;
  /** Signs cursors, 32 bytes. */
  readonly cursorKey: Buffer;
}

/** A page of rows as a stream. */
export interface Page extends RowStream {
  /** The cursor of the next page, null on the last. Known once `chunks` has been read to its end. */
  next(): string | null;
}

/** One row. */
export interface FoundRow {
  readonly columns: RowStream['columns'];
  readonly row: Row;
}

/** What a request for rows asks, after parsing. */
interface RowsRequest {
  readonly select: readonly Column[];
  readonly where: readonly Condition[];
  readonly order: readonly Order[];
  readonly limit: number;
  readonly cursor: string | undefined;
}

const PARAMETERS = ['limit', 'cursor', 'order', 'select'] as const;
const RESERVED: ReadonlySet<string> = new Set([...PARAMETERS, ...FORM_PARAMETERS]);

/** Reads rows of datasets for `GET /v1/datasets/{dataset}/rows`. */
export class RowsReader {
  readonly #store: ReadStore;
  readonly #datasets: ReadonlyMap<string, Dataset>;
  readonly #cursors: Cursors;

  constructor({ store, datasets, cursorKey }: RowsReaderOptions) {
    this.#store = store;
    this.#datasets = datasets;
    this.#cursors = new Cursors(cursorKey);
  }

  /**
   * A page of rows, newest first unless `order` says otherwise.
   *
   * Parameters: `limit`, `cursor`, `order=-date,origin`, `select=a,b`, and filters `{column}={op}.{value}`. A column may
   * be filtered several times (all must hold: `date=gte.A&date=lt.B`); every other parameter stands at most once. A
   * column that is named like a parameter is filtered all the same, since a filter begins with an operator.
   * @throws AzudError `dataset-not-found`, `invalid-parameter`, `invalid-cursor`, or what the store says
   */
  async list(name: string, params: SearchParams, signal: AbortSignal): Promise<Page> {
    const dataset = this.#dataset(name);
    const request = parseRequest(dataset, params);
    const columns = columnsByName(dataset);
    const ordered = request.order.map(({ column }) => columns.get(column) as Column);
    // The order columns make the next cursor, so they are read even when they are not asked for.
    const read = [...new Set([...request.select, ...ordered])];
    const binding = bindingOf([dataset.name, request.where, request.order]);
    const types = ordered.map(({ type }) => type);
    const query: RowsQuery = {
      table: dataset.name,
      select: read,
      where: request.where,
      order: request.order,
      after: request.cursor === undefined ? null : this.#cursors.decode(binding, request.cursor, types),
      limit: request.limit + 1,
    };
    const stream = await primed(await this.#store.rows(query, limitsOf(query.limit, signal)));
    const keyAt = ordered.map((column) => read.indexOf(column));
    return paged(stream, {
      limit: request.limit,
      width: request.select.length,
      cursorOf: (row) =>
        this.#cursors.encode(
          binding,
          keyAt.map((at) => row[at] ?? null),
        ),
    });
  }

  /**
   * One row: by `_event_id`, or by the key of a dataset in upsert mode.
   * @throws AzudError `dataset-not-found`, `row-not-found`; `invalid-parameter` when the id cannot be a key
   */
  async byId(name: string, id: string, signal: AbortSignal): Promise<FoundRow> {
    const dataset = this.#dataset(name);
    const columns = columnsByName(dataset);
    const column = columns.get(dataset.key ?? '_event_id') as Column;
    checkSize('id', id);
    const value = parseValue(column.type, id);
    if (value === undefined) throw invalidParameter('id', `must be ${expected(column.type)}`);
    const query: RowsQuery = {
      table: dataset.name,
      select: [...columns.values()],
      where: [{ column: column.name, operator: 'eq', value }],
      order: defaultOrder(dataset),
      after: null,
      limit: 1,
    };
    const stream = await this.#store.rows(query, limitsOf(1, signal));
    const [row] = await allRows(stream);
    if (row === undefined) throw new AzudError('row-not-found', `${name} has no row with this id`);
    return { columns: stream.columns, row };
  }

  #dataset(name: string): Dataset {
    const dataset = this.#datasets.get(name);
    if (dataset) return dataset;
    const shown = name.slice(0, 63);
    throw new AzudError('dataset-not-found', `no dataset ${shown}${didYouMean(shown, this.#datasets.keys())}`);
  }
}

function limitsOf(rowsMax: number, signal: AbortSignal) {
  return { timeoutMs: QUERY_LIMITS.timeoutMs, rowsMax, signal };
}

/** The dataset's own columns, then the system's. */
export function columnsByName(dataset: Dataset): ReadonlyMap<string, Column> {
  return new Map([...dataset.columns, ...SYSTEM_COLUMNS].map((column) => [column.name, column]));
}

function parseRequest(dataset: Dataset, params: SearchParams): RowsRequest {
  const columns = columnsByName(dataset);
  const given = new Map<string, string>();
  const where: Condition[] = [];
  for (const [name, value] of params) {
    const column = columns.get(name);
    if (column && (!RESERVED.has(name) || isFilter(value))) {
      where.push(parseFilter(column, value));
      continue;
    }
    if (!RESERVED.has(name)) throw unknownParameter(name, [...PARAMETERS, ...FORM_PARAMETERS, ...columns.keys()]);
    if (given.has(name)) throw invalidParameter(name, 'is given more than once');
    // The cursor has a bound of its own.
    if (name !== 'cursor') checkSize(name, value);
    given.set(name, value);
  }
  return {
    select: parseSelect(given.get('select'), columns),
    where,
    order: parseOrder(given.get('order'), dataset, columns),
    limit: readLimit(given.get('limit'), QUERY_LIMITS.rowsDefault, QUERY_LIMITS.rowsMax),
    cursor: given.get('cursor'),
  };
}

function parseSelect(text: string | undefined, columns: ReadonlyMap<string, Column>): readonly Column[] {
  if (text === undefined) return [...columns.values()];
  return distinct('select', text.split(',')).map((name) => columnIn('select', name, columns));
}

function parseOrder(
  text: string | undefined,
  dataset: Dataset,
  columns: ReadonlyMap<string, Column>,
): readonly Order[] {
  if (text === undefined) return defaultOrder(dataset);
  const terms = text.split(',').map((term) => {
    const descending = term.startsWith('-');
    return { column: descending ? term.slice(1) : term, descending };
  });
  distinct(
    'order',
    terms.map(({ column }) => column),
  );
  for (const { column } of terms) {
    if (columnIn('order', column, columns).type === 'json')
      throw invalidParameter('order', `cannot use ${column}: it is JSON`);
  }
  const tiebreak = defaultOrder(dataset).filter(({ column }) => terms.every((term) => term.column !== column));
  return [...terms, ...tiebreak];
}

/** Newest first. The last column is unique: the key in upsert mode, else the event id among events of one moment. */
function defaultOrder(dataset: Dataset): readonly Order[] {
  return [
    { column: '_received_at', descending: true },
    { column: dataset.key ?? '_event_id', descending: true },
  ];
}

function columnIn(parameter: string, name: string, columns: ReadonlyMap<string, Column>): Column {
  const column = columns.get(name);
  if (column) return column;
  const shown = name.slice(0, 100);
  throw invalidParameter(parameter, `names no column ${JSON.stringify(shown)}${didYouMean(shown, columns.keys())}`);
}

function distinct(parameter: string, names: readonly string[]): readonly string[] {
  if (new Set(names).size < names.length) throw invalidParameter(parameter, 'names a column twice');
  return names;
}

interface Paging {
  readonly limit: number;
  /** Columns asked for; the stream's rows begin with them. */
  readonly width: number;
  readonly cursorOf: (row: Row) => string;
}

/** Hands on `limit` rows of the stream, which holds one more when there is a next page. */
function paged(stream: RowStream, { limit, width, cursorOf }: Paging): Page {
  let next: string | null = null;
  async function* chunks(): AsyncGenerator<readonly Row[]> {
    let left = limit;
    let last: Row | undefined;
    for await (const chunk of stream.chunks) {
      if (chunk.length > left) {
        const boundary = chunk[left - 1] ?? last;
        next = boundary ? cursorOf(boundary) : null;
      }
      const kept = chunk.slice(0, left);
      if (kept.length > 0) yield kept.map((row) => row.slice(0, width));
      left -= kept.length;
      last = kept.at(-1) ?? last;
      if (next !== null) return;
    }
  }
  return { columns: stream.columns.slice(0, width), chunks: chunks(), next: () => next };
}
