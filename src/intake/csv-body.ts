import { parse } from 'csv-parse/sync';
import { AzudError, messageOf } from '../error/azud-error.ts';
import type { ColumnType } from '../event/dataset.ts';
import { isJson } from '../event/formats.ts';
import { hasControl } from '../event/json/key-table.ts';
import type { Validator } from '../event/validator.ts';
import { INTAKE_LIMITS } from '../limits.ts';
import type { Draft } from './draft.ts';

interface Row {
  readonly record: readonly string[];
  readonly raw: string;
}

interface Cell {
  /** `"name":`, ready to stand in the event. */
  readonly key: string;
  readonly type: ColumnType;
}

/**
 * CSV (RFC 4180) with a header line. Each row becomes a JSON event by the types of the dataset's columns, and is checked
 * as one. An empty cell is a missing property; blank lines are passed over; rows count from 1 below the header. A row that
 * does not fit is kept as that event, so that it can be corrected; one with too few or too many cells as it was sent.
 * @throws AzudError `invalid-csv`, `line-too-long`, and those of `draft`
 */
export function readCsv(body: Buffer, validator: Validator, draft: Draft): void {
  const [header, ...rows] = parseRows(body);
  if (!header) throw new AzudError('invalid-csv', 'the CSV has no header line');
  const cells = readHeader(header.record, validator);
  for (const { record, raw } of rows) {
    if (record.length === cells.length) {
      const event = Buffer.from(eventOf(cells, record));
      validator.check(event);
      draft.take(validator, { body: event, from: 0, to: event.length, clean: false });
    } else {
      const message = `the row has ${record.length} cells, the header ${cells.length}`;
      const errors = [{ path: '', code: 'invalid_csv', message }];
      draft.refuse(validator.dataset.name, { errors, original: Buffer.from(raw.replace(/\r?\n$/, '')), eventId: null });
    }
  }
}

function parseRows(body: Buffer): readonly Row[] {
  try {
    return parse(body, {
      raw: true,
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: INTAKE_LIMITS.eventBytesMax,
    }) as unknown as readonly Row[];
  } catch (error) {
    if ((error as { code?: unknown }).code === 'CSV_MAX_RECORD_SIZE') {
      throw new AzudError('line-too-long', `a row has more than ${INTAKE_LIMITS.eventBytesMax} characters`);
    }
    throw new AzudError('invalid-csv', messageOf(error).slice(0, 200));
  }
}

function readHeader(names: readonly string[], { dataset }: Validator): readonly Cell[] {
  if (names.length > INTAKE_LIMITS.csvColumnsMax) {
    throw new AzudError(
      'invalid-csv',
      `the header has ${names.length} columns, at most ${INTAKE_LIMITS.csvColumnsMax} are taken`,
    );
  }
  const types = new Map(dataset.columns.map((column) => [column.name, column.type]));
  const seen = new Set<string>();
  return names.map((name, i) => {
    const shown = JSON.stringify(name.slice(0, 60));
    if (name === '') throw new AzudError('invalid-csv', `column ${i + 1} of the header has no name`);
    if (seen.has(name)) throw new AzudError('invalid-csv', `the header names ${shown} twice`);
    if (hasControl(name)) throw new AzudError('invalid-csv', `the column name ${shown} has control characters`);
    if (name === '__proto__') throw new AzudError('forbidden-key', `the column name ${shown} is not allowed`);
    if (name.startsWith('_')) throw new AzudError('reserved-key', `the column name ${shown} begins with an underscore`);
    seen.add(name);
    return { key: `${JSON.stringify(name)}:`, type: types.get(name) ?? 'string' };
  });
}

function eventOf(cells: readonly Cell[], record: readonly string[]): string {
  const parts: string[] = [];
  for (const [i, text] of record.entries()) {
    const cell = cells[i];
    if (cell && text !== '') parts.push(cell.key + jsonOf(text, cell.type));
  }
  return `{${parts.join(',')}}`;
}

const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** The cell as JSON. What is not of its column's type stays a string, and the check says so in its own words. */
function jsonOf(text: string, type: ColumnType): string {
  if (type === 'integer' && INTEGER.test(text)) return text;
  if (type === 'number' && NUMBER.test(text)) return text;
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text;
  if (type === 'json' && isJson(text)) return text;
  return JSON.stringify(text);
}
