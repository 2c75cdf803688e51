import { isUtf8 } from 'node:buffer';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { AzudError, isAzudError, type RowError } from '../error/azud-error.ts';
import type { ErrorCode } from '../error/catalogue.ts';
import { DURATIONS, INTAKE_LIMITS } from '../limits.ts';
import { columnsOf, configError } from './columns.ts';
import { type ColumnType, DATASET_NAME, type Dataset, type DatasetMode, type JsonSchema } from './dataset.ts';
import { readEventId } from './event-id.ts';
import { inexactNumbers } from './exact-number.ts';
import { BYTE } from './json/byte.ts';
import { KIND } from './json/number.ts';
import { type Found, JsonScanner } from './json/scanner.ts';
import { compilePlainCheck, type PlainCheck } from './plain-check.ts';
import { compilePlainScan, type PlainScan } from './plain-scan/plain-scan.ts';
import { pointer, topLevelName } from './pointer.ts';
import { branches } from './recursion.ts';
import { checkSchema, compileSchema } from './schema.ts';
import { violation } from './violation.ts';
import { spend } from './watch.ts';

/** Row errors told of one event. */
const ERRORS_PER_EVENT_MAX = 20;

/** A dataset as azud.yaml declares it. */
export interface DatasetDeclaration {
  readonly schema: JsonSchema;
  readonly mode?: DatasetMode;
  /** JSON Pointers to top-level properties. */
  readonly event_id?: string;
  readonly key?: string;
  readonly time?: string;
  readonly retentionMs?: number | null;
  readonly dedupeWindowMs?: number;
}

const ID_TYPES: readonly ColumnType[] = ['string', 'integer', 'uuid'];
const KEY_TYPES: readonly ColumnType[] = [...ID_TYPES, 'date', 'decimal'];
const TIME_TYPES: readonly ColumnType[] = ['timestamp', 'date'];

/**
 * Checks a declaration and derives the columns.
 * @throws AzudError `invalid-config` with one error for each mistake; paths are JSON Pointers into the declaration
 */
export function compileDataset(name: string, declaration: DatasetDeclaration): Dataset {
  const errors: RowError[] = [];
  if (!DATASET_NAME.test(name))
    errors.push(
      configError('', `the name must match ${DATASET_NAME.source}, got ${JSON.stringify(name.slice(0, 80))}`),
    );
  const { schema, mode = 'append' } = declaration;
  if (schema.type !== undefined && schema.type !== 'object') {
    errors.push(configError('/schema/type', 'the schema must be of type object: an event is a JSON object'));
  }
  checkSchema(schema, errors);
  const columns = columnsOf(schema, errors);
  const pointed = (field: 'event_id' | 'key' | 'time', types: readonly ColumnType[]): string | null => {
    const text = declaration[field];
    if (text === undefined) return null;
    const column = columns.find((candidate) => candidate.name === topLevelName(text));
    if (!column) errors.push(configError(`/${field}`, `${text} must point to a top-level property of the schema`));
    else if (!types.includes(column.type))
      errors.push(configError(`/${field}`, `${text} must be of type ${types.join(', ')}; it is ${column.type}`));
    return column?.name ?? null;
  };
  const eventId = pointed('event_id', ID_TYPES);
  const key = pointed('key', KEY_TYPES);
  const time = pointed('time', TIME_TYPES);
  if (mode === 'upsert' && declaration.key === undefined) errors.push(configError('/key', 'mode upsert needs a key'));
  if (errors.length > 0) {
    throw new AzudError('invalid-config', `dataset ${name}: ${errors[0]?.path} ${errors[0]?.message}`, { errors });
  }
  return Object.freeze({
    name,
    mode,
    schema,
    columns,
    eventId,
    key,
    time,
    retentionMs: declaration.retentionMs ?? null,
    dedupeWindowMs: declaration.dedupeWindowMs ?? DURATIONS.dedupeWindowMs,
  });
}

/** What became of the check of one event. */
export interface CheckedEvent {
  /** Empty when the event fits. */
  readonly errors: readonly RowError[];
  /** From the dataset's `event_id` pointer, null where it has none (or the id cannot be read). */
  readonly eventId: string | null;
  /** Some top-level property is not in the schema. */
  readonly extras: boolean;
  /** The event as one line of JSON, without the newline at its end. */
  readonly line: Buffer;
}

export function createValidator(dataset: Dataset): Validator {
  return new Validator(dataset);
}

const NO_ERRORS: readonly RowError[] = Object.freeze([]);

/** Scans and checks the events of one dataset, inside of `inTime`. Its fields tell of the event read last. */
export class Validator {
  readonly dataset: Dataset;
  readonly scanner: JsonScanner;
  errors: readonly RowError[] = NO_ERRORS;
  eventId: string | null = null;
  extras = false;
  readonly #validate: ValidateFunction;
  /** Of Ajv, for one event. */
  readonly #steps: number;
  readonly #plain: PlainCheck | null;
  readonly #plainScan: PlainScan | null;
  readonly #id: { readonly name: string; readonly index: number } | null;
  readonly #key: { readonly name: string; readonly index: number } | null;

  constructor(dataset: Dataset) {
    this.dataset = dataset;
    this.scanner = new JsonScanner(dataset.columns.map((column) => column.name));
    this.#validate = compileSchema(dataset.schema);
    this.#steps = branches(dataset.schema) ? Infinity : 0;
    this.#plain = compilePlainCheck(dataset.schema, dataset.columns);
    this.#plainScan = this.#plain && compilePlainScan(this.#plain);
    const located = (name: string | null) =>
      name === null ? null : { name, index: dataset.columns.findIndex((column) => column.name === name) };
    this.#id = located(dataset.eventId);
    this.#key = located(dataset.key);
  }

  /** Checks one event, of which nothing is known. Never throws for what the event holds. */
  check(event: Uint8Array | string): CheckedEvent {
    const bytes =
      typeof event === 'string' ? Buffer.from(event) : Buffer.from(event.buffer, event.byteOffset, event.length);
    this.errors = NO_ERRORS;
    this.eventId = null;
    this.extras = false;
    try {
      requireText(bytes);
      this.begin(bytes);
      if (this.readPlain(bytes, 0, bytes.length) !== bytes.length) this.readWhole(bytes, 0, bytes.length);
    } catch (error) {
      if (!isAzudError(error)) throw error;
      this.errors = [rowErrorOf(error)];
    }
    return { errors: this.errors, eventId: this.eventId, extras: this.extras, line: toLine(bytes, 0, bytes.length) };
  }

  /** What makes these bytes no JSON that can be kept, whatever the schema says; null: nothing. */
  faultOf(bytes: Buffer): RowError | null {
    try {
      requireText(bytes);
      this.scanner.expectEnd(bytes, this.scanner.read(bytes, 0, bytes.length), bytes.length);
      return this.scanner.fault ? rowErrorOf(this.scanner.fault) : null;
    } catch (error) {
      if (!isAzudError(error)) throw error;
      return rowErrorOf(error);
    }
  }

  /** Bytes of which events are about to be read, and that do not change until they are: it makes most reads fast. */
  begin(bytes: Buffer): void {
    this.#plainScan?.begin(bytes);
  }

  /**
   * Reads the event at `from` of bytes that are UTF-8; it ends at or before `to`. Answers the position after it and sets
   * `errors`, `eventId` and `extras`. @throws AzudError `invalid-json`, `too-deep`: nobody knows where the event ends
   */
  read(bytes: Buffer, from: number, to: number): number {
    return this.readPlain(bytes, from, to) || this.#readStrictly(bytes, from, to);
  }

  /** As `read`, of a plain event that fits, which stands on one line; answers 0 where that is not sure. */
  readPlain(bytes: Buffer, from: number, to: number): number {
    const scan = this.#plainScan;
    const end = scan ? scan.read(bytes, from, to) : 0;
    if (end === 0 || scan === null) return 0;
    this.errors = NO_ERRORS;
    this.eventId = null;
    this.extras = scan.extras;
    if (this.#id || this.#key) this.#readIds(bytes, scan.found);
    return end;
  }

  /**
   * As `read`, of an event of which `readPlain` was not sure, and nothing but white space may follow up to `to`.
   * @throws AzudError `invalid-json`, `too-deep`
   */
  readWhole(bytes: Buffer, from: number, to: number): void {
    this.scanner.expectEnd(bytes, this.#readStrictly(bytes, from, to), to);
  }

  #readStrictly(bytes: Buffer, from: number, to: number): number {
    const { scanner } = this;
    this.errors = NO_ERRORS;
    this.eventId = null;
    const end = scanner.read(bytes, from, to);
    this.extras = scanner.undeclared;
    if (scanner.fault) this.errors = [rowErrorOf(scanner.fault)];
    else if (scanner.kind !== KIND.OBJECT) this.errors = [NOT_AN_EVENT];
    else if (end - from > INTAKE_LIMITS.eventBytesMax) this.errors = [tooLarge(end - from)];
    else {
      if (!this.#plain?.fits(bytes, scanner)) this.errors = this.#violations(bytes, from, end);
      if (this.#id || this.#key) this.#readIds(bytes, scanner);
    }
    return end;
  }

  /** What the plain check was not sure of: Ajv on the parsed event, and the literals that parsing may have rounded. */
  #violations(bytes: Buffer, from: number, to: number): readonly RowError[] {
    spend(this.#steps);
    const inexact = inexactNumbers(bytes, this.scanner, this.dataset.columns);
    if (this.#validate(JSON.parse(bytes.toString('utf8', from, to)))) return inexact;
    const found = (this.#validate.errors ?? []) as readonly ErrorObject[];
    return [...inexact, ...found.slice(0, ERRORS_PER_EVENT_MAX).map(violation)];
  }

  /** The client's id, and the key that an upsert needs. */
  #readIds(bytes: Buffer, found: Found): void {
    const id = this.#id;
    if (id) {
      const read = readEventId(bytes, found, id);
      if (typeof read === 'string') this.eventId = read;
      else this.errors = [...this.errors, read];
    }
    const key = this.#key;
    if (key && (found.kinds[key.index] === 0 || found.kinds[key.index] === KIND.NULL)) {
      const path = pointer(key.name);
      if (this.errors.some((error) => error.path === path)) return;
      this.errors = [...this.errors, { path, code: 'schema_violation', message: `${path} is missing: it is the key` }];
    }
  }
}

const NOT_AN_EVENT: RowError = { path: '', code: 'not_an_event', message: 'an event must be a JSON object' };

function tooLarge(bytes: number): RowError {
  return {
    path: '',
    code: 'too_large',
    message: `the event has ${bytes} bytes, at most ${INTAKE_LIMITS.eventBytesMax} are taken`,
  };
}

function requireText(bytes: Buffer): void {
  if (!isUtf8(bytes)) throw new AzudError('invalid-utf8', 'the event is not valid UTF-8');
}

/** A row error without its row. */
export function rowErrorOf(error: AzudError): RowError {
  const { path, code, message } = error.toRowError(0);
  return { path, code, message };
}

/** The catalogue's code of a row error. */
export function codeOf(error: RowError): ErrorCode {
  return error.code.replaceAll('_', '-') as ErrorCode;
}

/** A copy of the bytes with line breaks, which JSON has only between its tokens, made spaces. */
export function toLine(bytes: Uint8Array, from: number, to: number): Buffer {
  const line = Buffer.from(bytes.subarray(from, to));
  for (const ending of [BYTE.LF, BYTE.CR]) {
    for (let at = line.indexOf(ending); at !== -1; at = line.indexOf(ending, at + 1)) line[at] = BYTE.SPACE;
  }
  return line;
}
