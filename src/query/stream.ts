import type { RowStream, RowsLimits, RowsQuery, Value } from '../store/driver.ts';

export type Row = readonly Value[];

/** What reading asks of a store. */
export interface ReadStore {
  rows(query: RowsQuery, limits: RowsLimits): Promise<RowStream>;
}

/** All rows; for reads whose size is bounded. */
export async function allRows(stream: RowStream): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for await (const chunk of stream.chunks) rows.push(...chunk);
  return rows;
}

/** All rows as objects by column name. */
export async function allRecords(stream: RowStream): Promise<readonly Readonly<Record<string, Value>>[]> {
  const names = stream.columns.map(({ name }) => name);
  return (await allRows(stream)).map((row) => Object.fromEntries(names.map((name, at) => [name, row[at] ?? null])));
}

/**
 * The same stream, its first chunk read already: a query that fails fails here, before a status line has been sent.
 */
export async function primed(stream: RowStream): Promise<RowStream> {
  const iterator = stream.chunks[Symbol.asyncIterator]();
  const first = await iterator.next();
  return { columns: stream.columns, chunks: resume(first, iterator) };
}

async function* resume<T>(first: IteratorResult<T>, iterator: AsyncIterator<T>): AsyncGenerator<T> {
  try {
    for (let step = first; !step.done; step = await iterator.next()) yield step.value;
  } finally {
    // Frees the connection when the reader leaves early.
    await iterator.return?.();
  }
}
