import { AzudError } from '../error/azud-error.ts';
import type { ReadLimits, RowStream, Value } from './driver.ts';

/**
 * The same stream, held to its limits: no chunk after the signal aborts or the time is up.
 * @throws AzudError `query-timeout` from the stream; the signal's own reason when it aborts
 */
export function streamWithin(stream: RowStream, limits: ReadLimits): RowStream {
  return { columns: stream.columns, chunks: checked(stream.chunks, limits) };
}

async function* checked(chunks: RowStream['chunks'], limits: ReadLimits) {
  const deadline = performance.now() + limits.timeoutMs;
  for await (const chunk of chunks) {
    limits.signal.throwIfAborted();
    if (performance.now() >= deadline) throw queryTimeout(limits);
    yield chunk;
  }
}

/** The names of a result's columns, told apart: two members of one name are JSON that no two readers agree on. */
export function distinctNames(names: readonly string[]): string[] {
  const taken = new Set(names);
  const given = new Set<string>();
  return names.map((name) => {
    let distinct = name;
    for (let n = 2; given.has(distinct); n += 1) {
      if (!taken.has(`${name}_${n}`)) distinct = `${name}_${n}`;
    }
    given.add(distinct);
    taken.add(distinct);
    return distinct;
  });
}

export function queryTimeout({ timeoutMs }: Pick<ReadLimits, 'timeoutMs'>): AzudError {
  return new AzudError('query-timeout', `the query took longer than ${Math.round(timeoutMs)} ms`);
}

/** All rows of a stream: for results known to be small. */
export async function allRows(stream: RowStream): Promise<(readonly Value[])[]> {
  const rows: (readonly Value[])[] = [];
  for await (const chunk of stream.chunks) rows.push(...chunk);
  return rows;
}
