import { ByteWriter, type ColumnSource, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import { AzudError } from '../../error/azud-error.ts';
import type { ColumnType } from '../../event/dataset.ts';
import { QUERY_LIMITS } from '../../limits.ts';
import type { RowStream, Value } from '../../store/driver.ts';
import type { Row } from '../stream.ts';

/** Digits after the point that a decimal column keeps, as in event/formats.ts. */
const DECIMAL_SCALE = 18;
const INT64_MAX = 2n ** 63n - 1n;
const DECIMAL_38_MAX = 10n ** 38n - 1n;
const MICROS_PER_MS = 1000n;
const MS_PER_DAY = 86_400_000;

/** How values of a column stand in the file. */
interface Encoding {
  readonly element: Omit<SchemaElement, 'name' | 'repetition_type'>;
  readonly convert: (value: NonNullable<Value>) => unknown;
}

/**
 * Parquet, one row group after the other: the memory it takes is that of a group, whatever the size of the result.
 *
 * Types are exact: DECIMAL(38,18), microseconds in UTC, DATE, UUID, JSON. Integers are INT64; a column whose first group
 * holds a larger one is DECIMAL(38,0).
 * @throws AzudError `result-too-large` while streaming, when an integer fits neither
 */
export async function* parquet(stream: RowStream): AsyncGenerator<Buffer> {
  let file: ParquetFile | null = null;
  for await (const rows of groups(stream.chunks)) {
    file ??= new ParquetFile(stream.columns, rows);
    yield file.group(rows);
  }
  file ??= new ParquetFile(stream.columns, []);
  yield file.end();
}

class ParquetFile {
  readonly #columns: RowStream['columns'];
  readonly #encodings: readonly Encoding[];
  readonly #elements: readonly SchemaElement[];
  readonly #bytes = new DrainingWriter();
  readonly #writer: ParquetWriter;

  constructor(columns: RowStream['columns'], firstRows: readonly Row[]) {
    this.#columns = columns;
    this.#encodings = columns.map(({ type }, at) => encodingOf(type, firstRows, at));
    this.#elements = columns.map(({ name }, at): SchemaElement => {
      return { name, repetition_type: 'OPTIONAL', ...(this.#encodings[at] as Encoding).element };
    });
    const schema: SchemaElement[] = [{ name: 'root', num_children: columns.length }, ...this.#elements];
    this.#writer = new ParquetWriter({ writer: this.#bytes, schema, createdBy: 'azud' });
  }

  group(rows: readonly Row[]): Buffer {
    const columnData = this.#columns.map(({ name, type }, at): ColumnSource => {
      const { convert } = this.#encodings[at] as Encoding;
      const data = rows.map((row) => {
        const value = row[at] ?? null;
        return value === null ? null : convert(value);
      });
      // Page offsets would be held in memory until the end of the file, for a speed-up few readers use.
      return { name, data, offsetIndex: false, statistics: type !== 'json' };
    });
    this.#writer.write({ columnData, rowGroupSize: rows.length });
    return this.#bytes.drain();
  }

  end(): Buffer {
    // Readers that know only the older annotation, DuckDB among them, see JSON by it.
    for (const element of this.#elements) if (element.logical_type?.type === 'JSON') element.converted_type = 'JSON';
    this.#writer.finish();
    return this.#bytes.drain();
  }
}

/** Gives away what it has, and goes on counting: offsets in the file are of all bytes ever written. */
class DrainingWriter extends ByteWriter {
  drain(): Buffer {
    const bytes = Buffer.from(this.getBytes());
    this.index = 0;
    return bytes;
  }
}

/** Rows gathered into row groups by count and rough size. */
async function* groups(chunks: RowStream['chunks']): AsyncGenerator<readonly Row[]> {
  let rows: Row[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    for (const row of chunk) {
      rows.push(row);
      for (const value of row) bytes += typeof value === 'string' ? value.length : 8;
      if (rows.length < QUERY_LIMITS.parquetGroupRowsMax && bytes < QUERY_LIMITS.parquetGroupBytesMax) continue;
      yield rows;
      rows = [];
      bytes = 0;
    }
  }
  if (rows.length > 0) yield rows;
}

const decimal = (scale: number): Encoding['element'] => ({
  type: 'FIXED_LEN_BYTE_ARRAY',
  type_length: 16,
  converted_type: 'DECIMAL',
  precision: 38,
  scale,
  logical_type: { type: 'DECIMAL', precision: 38, scale },
});

const ENCODINGS: Readonly<Record<Exclude<ColumnType, 'integer'>, Encoding>> = {
  string: {
    element: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
    convert: String,
  },
  number: { element: { type: 'DOUBLE' }, convert: Number },
  decimal: { element: decimal(DECIMAL_SCALE), convert: (value) => unscaled(String(value)) },
  boolean: { element: { type: 'BOOLEAN' }, convert: Boolean },
  timestamp: {
    element: {
      type: 'INT64',
      converted_type: 'TIMESTAMP_MICROS',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
    },
    convert: (value) => microsOf(String(value)),
  },
  date: {
    element: { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
    convert: (value) => Date.parse(`${value}T00:00:00Z`) / MS_PER_DAY,
  },
  uuid: {
    element: { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, logical_type: { type: 'UUID' } },
    convert: String,
  },
  // The older `converted_type` follows in `end`: with it, the library would parse and spell the text again.
  json: {
    element: { type: 'BYTE_ARRAY', logical_type: { type: 'JSON' } },
    convert: (value) => Buffer.from(String(value)),
  },
};

const INT64: Encoding = {
  element: { type: 'INT64' },
  convert: (value) => within(BigInt(value), INT64_MAX),
};
const DECIMAL_38: Encoding = {
  element: decimal(0),
  convert: (value) => within(BigInt(value), DECIMAL_38_MAX),
};

function encodingOf(type: ColumnType, firstRows: readonly Row[], at: number): Encoding {
  if (type !== 'integer') return ENCODINGS[type];
  const wide = firstRows.some((row) => {
    const value = row[at];
    return typeof value === 'bigint' && (value > INT64_MAX || value < -INT64_MAX - 1n);
  });
  return wide ? DECIMAL_38 : INT64;
}

function within(value: bigint, max: bigint): bigint {
  if (value <= max && value >= -max - 1n) return value;
  throw new AzudError('result-too-large', `${value} does not fit the integers of this Parquet file`, {
    hint: 'Ask for ndjson or csv: they hold integers of any size.',
  });
}

/** `-1.5` → -1.5 × 10^18. */
function unscaled(text: string): bigint {
  const [whole = '0', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(DECIMAL_SCALE, '0'));
}

/** µs since the epoch of an ISO 8601 time in UTC with three or six decimals. */
function microsOf(iso: string): bigint {
  const ms = BigInt(Date.parse(iso));
  const micros = /\.\d{3}(\d{3})Z$/.exec(iso)?.[1] ?? '0';
  return ms * MICROS_PER_MS + BigInt(micros);
}
