import type { FieldDef, PoolClient, QueryArrayResult, QueryConfig } from 'pg';
import type { AzudError } from '../../error/azud-error.ts';
import type { ReadLimits, RowStream, Value } from '../driver.ts';
import { queryTimeout, streamWithin } from '../reading.ts';
import type { Connections } from './connections.ts';
import { breaksConnection } from './errors.ts';
import { columnsOf, convertersOf } from './values.ts';

export interface Read {
  readonly text: string;
  readonly values: readonly (string | number | boolean | null)[];
  /** Known columns; null: as the result has them. */
  readonly columns: RowStream['columns'] | null;
  /** Our error for one of the server's. */
  readonly classify: (error: unknown) => AzudError;
}

/** Rows of one fetch: a few megabytes at most, and few round trips. */
const FETCH_ROWS = 2_000;
/** A cancelled statement ends within this time, or its connection is cut. */
const CANCEL_GRACE_MS = 2_000;
/** Every value as PostgreSQL's text; we convert it ourselves, exactly. */
const TEXTS = { getTypeParser: () => (text: string | Buffer) => text };

type Texts = (string | null)[][];

/**
 * Runs one SELECT in a read-only transaction and streams its rows from a cursor; the connection is given back when the
 * stream ends, fails or is left early. A cursor takes nothing but one SELECT that changes nothing.
 */
export async function readRows(connections: Connections, read: Read, limits: ReadLimits): Promise<RowStream> {
  limits.signal.throwIfAborted();
  if (limits.timeoutMs <= 0) throw queryTimeout(limits);
  const task = new ReadTask(await connections.take(), { connections, read, limits });
  try {
    const { fields, rows } = await task.start();
    const columns = read.columns ?? columnsOf(fields, rows);
    return streamWithin({ columns, chunks: chunksOf(task, { fields, rows, columns }) }, limits);
  } catch (error) {
    const known = task.explain(error);
    await task.end(error);
    throw known;
  }
}

interface Begun {
  readonly fields: readonly FieldDef[];
  readonly rows: Texts;
  readonly columns: RowStream['columns'];
}

async function* chunksOf(task: ReadTask, { fields, rows, columns }: Begun): RowStream['chunks'] & AsyncGenerator {
  const converters = convertersOf(
    fields,
    columns.map(({ type }) => type),
  );
  const convert = (row: (string | null)[]): Value[] => row.map((text, at) => converters[at]?.(text) ?? null);
  let failure: unknown;
  try {
    task.begin();
    for (let texts = rows; texts.length > 0; texts = texts.length < FETCH_ROWS ? [] : await task.fetch()) {
      yield texts.map(convert);
    }
  } catch (error) {
    failure = error;
    throw task.explain(error);
  } finally {
    await task.end(failure);
  }
}

interface TaskOptions {
  readonly connections: Connections;
  readonly read: Read;
  readonly limits: ReadLimits;
}

/** The server's process behind a connection: a property that the client has and its types do not name. */
function processOf(client: PoolClient & { readonly processID?: number }): number {
  return client.processID ?? 0;
}

/** One read on one connection: its transaction, its cursor, its deadline. */
class ReadTask {
  readonly #client: PoolClient;
  readonly #options: TaskOptions;
  readonly #stop: () => void;
  #state: 'starting' | 'unread' | 'reading' | 'ended' = 'starting';
  #busy = false;
  #deadline: NodeJS.Timeout | null = null;
  #cut: NodeJS.Timeout | null = null;
  #cancelling: Promise<void> = Promise.resolve();
  #timedOut = false;

  constructor(client: PoolClient, options: TaskOptions) {
    this.#client = client;
    this.#options = options;
    this.#stop = () => this.#cancel();
  }

  async start(): Promise<{ fields: FieldDef[]; rows: Texts }> {
    const { read, limits } = this.#options;
    // It may have aborted while the read waited for its connection.
    limits.signal.throwIfAborted();
    this.#deadline = setTimeout(() => this.#expire(), limits.timeoutMs);
    limits.signal.addEventListener('abort', this.#stop, { once: true });
    const timeoutMs = Math.max(1, Math.ceil(limits.timeoutMs));
    await this.#run(() =>
      this.#client.query(
        `BEGIN TRANSACTION READ ONLY; SET LOCAL statement_timeout = ${timeoutMs}; SET LOCAL cursor_tuple_fraction = 1`,
      ),
    );
    // The extended protocol, with or without values: it takes one statement and no more.
    const declare = { text: `DECLARE azud NO SCROLL CURSOR FOR ${read.text}`, values: [...read.values] };
    await this.#run(() => this.#client.query({ ...declare, queryMode: 'extended' } as QueryConfig));
    const first = await this.#fetch();
    this.#state = 'unread';
    return { fields: first.fields, rows: first.rows };
  }

  /** The stream is read from now on. @throws AzudError `query-timeout` when that is too late */
  begin(): void {
    if (this.#state === 'ended') throw queryTimeout(this.#options.limits);
    this.#state = 'reading';
  }

  async fetch(): Promise<Texts> {
    return (await this.#fetch()).rows;
  }

  /** Ends the transaction and gives the connection back, once. */
  async end(error: unknown): Promise<void> {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    if (this.#deadline) clearTimeout(this.#deadline);
    this.#options.limits.signal.removeEventListener('abort', this.#stop);
    // A cancel that came too late must meet no other statement than this read's own.
    await this.#cancelling;
    let failure = error !== undefined && breaksConnection(error) ? error : undefined;
    if (failure === undefined) {
      await this.#client.query('ROLLBACK').catch((reason: unknown) => {
        failure = reason;
      });
    }
    if (this.#cut) clearTimeout(this.#cut);
    this.#options.connections.give(this.#client, failure);
  }

  explain(error: unknown): unknown {
    if (this.#timedOut) return queryTimeout(this.#options.limits);
    if (this.#options.limits.signal.aborted) return this.#options.limits.signal.reason;
    return this.#options.read.classify(error);
  }

  #fetch(): Promise<QueryArrayResult<(string | null)[]>> {
    const text = `FETCH FORWARD ${FETCH_ROWS} FROM azud`;
    return this.#run(() => this.#client.query<(string | null)[]>({ text, rowMode: 'array', types: TEXTS }));
  }

  async #run<T>(statement: () => Promise<T>): Promise<T> {
    this.#busy = true;
    try {
      return await statement();
    } finally {
      this.#busy = false;
    }
  }

  #expire(): void {
    this.#timedOut = true;
    // Nobody has begun to read the stream; perhaps nobody ever will.
    if (this.#state === 'unread') void this.end(undefined);
    else this.#cancel();
  }

  /** The server is asked to stop; a connection that stays silent even then is cut. */
  #cancel(): void {
    if (!this.#busy || this.#cut) return;
    this.#cut = setTimeout(() => {
      this.#client.connection.stream.destroy(new Error('Connection terminated: the query did not end when told to'));
    }, CANCEL_GRACE_MS);
    // When even that fails, the cut comes.
    this.#cancelling = this.#options.connections.cancel(processOf(this.#client)).catch(() => {});
  }
}
