import { parse as parseCsv } from 'csv-parse/sync';
import { AzudError, messageOf } from '../error/azud-error.ts';
import type { JsonSchema } from '../event/dataset.ts';
import { isDate, isDateTime, isUuid } from '../event/formats.ts';
import { type FileFormat, splitEvents } from './send/splitter.ts';

/** Events looked at: enough to meet the rare null, few enough for a second. */
const SAMPLE_MAX = 100_000;

type JsonType = 'string' | 'integer' | 'number' | 'boolean' | 'object' | 'array' | 'null';
type StringFormat = 'date-time' | 'date' | 'uuid';

const FORMATS: Readonly<Record<StringFormat, (text: string) => boolean>> = {
  'date-time': isDateTime,
  date: isDate,
  uuid: isUuid,
};

/** What all values of one property have in common. */
interface Facts {
  /** Events that have the property, null or not. */
  count: number;
  readonly types: Set<JsonType>;
  /** Those that every string so far has. */
  formats: StringFormat[];
}

/**
 * A JSON Schema that the sample fits: types, formats, which properties are always there. No enums, and
 * no `additionalProperties: false`: a sample cannot know that no other value, and no other property, comes.
 * @throws AzudError `invalid-json`, `invalid-csv`, `not-an-event` with the row; `empty-body`
 */
export async function inferSchema(chunks: AsyncIterable<Buffer | string>, format: FileFormat): Promise<JsonSchema> {
  const facts = new Map<string, Facts>();
  let events = 0;
  for await (const event of sampleEvents(chunks, format)) {
    events++;
    for (const [name, value] of Object.entries(event)) note(facts, name, value);
    if (events === SAMPLE_MAX) break;
  }
  if (events === 0) throw new AzudError('empty-body', 'the sample holds no event');
  const required = [...facts].filter(([, { count, types }]) => count === events && !types.has('null'));
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: Object.fromEntries([...facts].map(([name, its]) => [name, propertySchema(its)])),
    required: required.map(([name]) => name),
  };
}

function note(facts: Map<string, Facts>, name: string, value: unknown): void {
  const its = facts.get(name) ?? {
    count: 0,
    types: new Set<JsonType>(),
    formats: Object.keys(FORMATS) as StringFormat[],
  };
  facts.set(name, its);
  its.count++;
  its.types.add(typeOf(value));
  if (typeof value === 'string') its.formats = its.formats.filter((format) => FORMATS[format](value));
}

function propertySchema({ types, formats }: Facts): JsonSchema {
  const kinds = [...types].filter((type) => type !== 'null' && !(type === 'integer' && types.has('number')));
  const all: readonly JsonType[] = types.has('null') && kinds.length > 0 ? [...kinds, 'null'] : kinds;
  if (all.length === 0) return {};
  const [format] = formats;
  return {
    type: all.length === 1 ? all[0] : all,
    ...(kinds.length === 1 && kinds[0] === 'string' && format !== undefined && { format }),
  };
}

function typeOf(value: unknown): JsonType {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value as JsonType;
}

async function* sampleEvents(
  chunks: AsyncIterable<Buffer | string>,
  format: FileFormat,
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  let row = 0;
  let header: readonly string[] | null = null;
  for await (const bytes of splitEvents(chunks, format)) {
    row++;
    if (format !== 'csv') yield parseEvent(bytes, row);
    else if (header === null) header = parseCells(bytes, row);
    else yield csvEvent(header, parseCells(bytes, row));
  }
}

function parseEvent(bytes: Buffer, row: number): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch (error) {
    throw new AzudError('invalid-json', `row ${row}: ${messageOf(error)}`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new AzudError('not-an-event', `row ${row} is no JSON object`);
  }
  return value as Readonly<Record<string, unknown>>;
}

function parseCells(bytes: Buffer, row: number): readonly string[] {
  try {
    return (parseCsv(bytes) as string[][])[0] ?? [];
  } catch (error) {
    throw new AzudError('invalid-csv', `row ${row}: ${messageOf(error)}`);
  }
}

/** An empty cell is a property that is not there. */
function csvEvent(header: readonly string[], cells: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    header.flatMap((name, at) => {
      const text = cells[at] ?? '';
      return text === '' ? [] : [[name, cellValue(text)]];
    }),
  );
}

/** A number with leading zeros is a code, and stays text. */
function cellValue(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?(0|[1-9]\d{0,17})(\.\d+)?([eE][+-]?\d{1,3})?$/.test(text) ? Number(text) : text;
}
