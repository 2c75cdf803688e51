import type { RowStream } from '../../store/driver.ts';
import type { Row } from '../stream.ts';
import { csvCell, jsonCell } from './cells.ts';

/** A row as one JSON object. */
export function jsonRow(columns: RowStream['columns'], row: Row): string {
  return rowWriter(columns)(row);
}

/** `{"data":[…]}`, with the members of `tail` at the end: some are known only then. */
export async function* json(
  stream: RowStream,
  tail: () => Readonly<Record<string, string | null>>,
): AsyncGenerator<Buffer> {
  const row = rowWriter(stream.columns);
  let separator = '{"data":[';
  for await (const chunk of stream.chunks) {
    let text = '';
    for (const values of chunk) {
      text += separator + row(values);
      separator = ',\n';
    }
    if (text !== '') yield Buffer.from(text);
  }
  const begin = separator.startsWith('{') ? separator : '';
  const members = Object.entries(tail()).map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`);
  yield Buffer.from(`${begin}]${members.join('')}}\n`);
}

export async function* ndjson(stream: RowStream): AsyncGenerator<Buffer> {
  const row = rowWriter(stream.columns);
  for await (const chunk of stream.chunks) {
    let text = '';
    for (const values of chunk) text += `${row(values)}\n`;
    if (text !== '') yield Buffer.from(text);
  }
}

export async function* csv(stream: RowStream, raw: boolean): AsyncGenerator<Buffer> {
  const { columns } = stream;
  yield Buffer.from(`${columns.map(({ name }) => csvCell(name, 'string', raw)).join(',')}\r\n`);
  for await (const chunk of stream.chunks) {
    let text = '';
    for (const values of chunk) {
      text += `${columns.map(({ type }, at) => csvCell(values[at] ?? null, type, raw)).join(',')}\r\n`;
    }
    if (text !== '') yield Buffer.from(text);
  }
}

/** Writes rows as objects; the names are spelled once. */
function rowWriter(columns: RowStream['columns']): (row: Row) => string {
  const heads = columns.map(({ name }, at) => `${at === 0 ? '{' : ','}${JSON.stringify(name)}:`);
  if (heads.length === 0) return () => '{}';
  return (row) => {
    let text = '';
    for (const [at, { type }] of columns.entries()) text += heads[at] + jsonCell(row[at] ?? null, type);
    return `${text}}`;
  };
}
