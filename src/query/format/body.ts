import type { RowStream } from '../../store/driver.ts';
import type { FoundRow, Page } from '../rows.ts';
import { type Format, MEDIA_TYPES } from './negotiation.ts';
import { parquet } from './parquet.ts';
import { csv, json, jsonRow, ndjson } from './text.ts';

/** An answer's body. Nothing is read ahead of the reader: back-pressure reaches the store. */
export interface Body {
  readonly contentType: string;
  readonly chunks: AsyncIterable<Buffer>;
}

export interface FormatOptions {
  readonly format: Format;
  /** CSV: leave text alone that a spreadsheet would run as a formula. */
  readonly raw: boolean;
}

/** Rows with the moment that they are of, ISO 8601. */
export interface DatedRows extends RowStream {
  readonly asOf: string;
}

type Rows = RowStream | Page | DatedRows;

/** Rows in a format. In JSON pages end with `next`, dated rows with `as_of`; the other formats hold nothing but rows. */
export function formatRows(stream: Rows, { format, raw }: FormatOptions): Body {
  return { contentType: MEDIA_TYPES[format], chunks: encode(stream, format, raw) };
}

/** One row: the bare object in JSON and NDJSON, a table of one row in the others. */
export function formatRow({ columns, row }: FoundRow, options: FormatOptions): Body {
  if (options.format === 'csv' || options.format === 'parquet') return formatRows(single(columns, row), options);
  const contentType = MEDIA_TYPES[options.format];
  return { contentType, chunks: once(Buffer.from(`${jsonRow(columns, row)}\n`)) };
}

function tailOf(stream: Rows): Readonly<Record<string, string | null>> {
  if ('next' in stream) return { next: stream.next() };
  return 'asOf' in stream ? { as_of: stream.asOf } : {};
}

function encode(stream: Rows, format: Format, raw: boolean): AsyncIterable<Buffer> {
  switch (format) {
    case 'json':
      return json(stream, () => tailOf(stream));
    case 'ndjson':
      return ndjson(stream);
    case 'csv':
      return csv(stream, raw);
    case 'parquet':
      return parquet(stream);
  }
}

function single(columns: FoundRow['columns'], row: FoundRow['row']): RowStream {
  return { columns, chunks: once([row]) };
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}
