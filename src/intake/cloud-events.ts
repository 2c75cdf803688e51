import { isUtf8 } from 'node:buffer';
import { AzudError, type RowError } from '../error/azud-error.ts';
import { cloudEventId } from '../event/ids.ts';
import { BYTE, positionOf, skipSpace } from '../event/json/byte.ts';
import { hasControl } from '../event/json/key-table.ts';
import { KIND } from '../event/json/number.ts';
import { JsonScanner } from '../event/json/scanner.ts';
import { codeOf, rowErrorOf, type Validator } from '../event/validator.ts';
import type { Validators } from '../event/validators.ts';
import { JSON_LIMITS } from '../limits.ts';
import type { Draft } from './draft.ts';
import { readElements } from './json-body.ts';
import { type Form, type Headers, isJson, mediaType } from './media.ts';

/** The attributes that are read; the others are checked as JSON and left. Order: the scanner's indexes below. */
const ATTRIBUTES = ['specversion', 'id', 'source', 'type', 'datacontenttype', 'data', 'data_base64'] as const;
type Attribute = (typeof ATTRIBUTES)[number];
type Attributes = Partial<Record<Attribute, string>>;

interface CloudEvent {
  /** Null when there is no envelope to read them from. */
  readonly attributes: Attributes | null;
  /** Where `data` lies, or the bytes it holds. */
  readonly data: { readonly body: Buffer; readonly from: number; readonly to: number } | null;
  /** Kept when there is no data. */
  readonly original: Buffer;
  readonly errors: readonly RowError[];
}

interface Request {
  readonly dataset: string | null;
  readonly headers: Headers;
  readonly allow?: (dataset: string) => void;
  readonly draft: Draft;
}

/**
 * CloudEvents 1.0 in their three modes. What is stored is `data`, which must be an event of the dataset; the attributes
 * give the event's id (`source` and `id`) and choose the dataset where the request does not: the one named as `type`, or
 * as the part of `type` after its last dot.
 */
export class CloudEvents {
  readonly #validators: Validators;
  /** One level deeper than an event: the envelope. Its own attributes may have any name. */
  readonly #scanner = new JsonScanner(ATTRIBUTES, { reservesUnderscore: false, depthMax: JSON_LIMITS.depthMax + 1 });

  constructor(validators: Validators) {
    this.#validators = validators;
  }

  /** @throws AzudError `invalid-json`, `invalid-cloudevent`, `dataset-not-found` when no dataset can answer for an event */
  read(form: Form, body: Buffer, request: Request): void {
    if (form === 'cloudevent-binary') {
      this.#take(binaryEvent(body, request.headers), request);
      return;
    }
    const start = skipSpace(body, 0, body.length);
    if (form === 'cloudevent-batch') {
      if (body[start] !== BYTE.OPEN_ARRAY)
        throw new AzudError('not-an-event', 'a batch of CloudEvents is a JSON array');
      readElements(body, start, (from) => this.#readEnvelope(body, from, request));
      return;
    }
    const end = this.#readEnvelope(body, start, request);
    const after = skipSpace(body, end, body.length);
    if (after < body.length) throw new AzudError('invalid-json', `expected the end at ${positionOf(body, after)}`);
  }

  #readEnvelope(body: Buffer, from: number, request: Request): number {
    const scanner = this.#scanner;
    const to = scanner.read(body, from, body.length);
    const original = body.subarray(from, to);
    if (scanner.kind !== KIND.OBJECT) {
      const message = 'a CloudEvent must be a JSON object';
      this.#take(
        { attributes: null, data: null, original, errors: [{ path: '', code: 'not_an_event', message }] },
        request,
      );
      return to;
    }
    const { attributes, errors } = readAttributes(body, scanner);
    if (scanner.fault) errors.unshift(rowErrorOf(scanner.fault));
    const data = dataOf(body, scanner, { attributes, errors });
    this.#take({ attributes, data, original, errors }, request);
    return to;
  }

  #take({ attributes, data, original, errors }: CloudEvent, { dataset, allow, draft }: Request): void {
    const problems = [...errors, ...(attributes ? attributeProblems(attributes) : [])];
    const validator = this.#choose(dataset, attributes?.type, problems);
    const { name } = validator.dataset;
    if (dataset === null) allow?.(name);
    const { source, id } = attributes ?? {};
    const eventId = source && id && problems.length === 0 ? cloudEventId(source, id) : null;
    if (problems.length === 0 && !data) problems.push(problem('/data', 'data is missing: it is the event'));
    if (problems.length > 0 || !data) {
      const kept = data ? data.body.subarray(data.from, data.to) : original;
      draft.refuse(name, { errors: problems, original: kept, eventId });
      return;
    }
    const { body, from, to } = data;
    validator.check(body.subarray(from, to));
    draft.take(validator, { body, from, to, clean: false }, eventId);
  }

  /** @throws AzudError when no dataset can answer for the event: then nothing of the request is kept */
  #choose(dataset: string | null, type: string | undefined, problems: readonly RowError[]): Validator {
    const [first] = problems;
    if (dataset === null && !type && first)
      throw new AzudError(codeOf(first), first.message, { errors: problems, path: first.path });
    const candidates =
      dataset !== null ? [dataset] : [type ?? '', (type ?? '').slice((type ?? '').lastIndexOf('.') + 1)];
    for (const name of candidates) {
      const validator = this.#validators.get(name);
      if (validator) return validator;
    }
    const shown = JSON.stringify((type ?? '').slice(0, 80));
    throw new AzudError(
      'dataset-not-found',
      `no dataset is named by the type ${shown}; nothing of the request was kept`,
    );
  }
}

function problem(path: string, message: string): RowError {
  return { path, code: 'invalid_cloudevent', message };
}

function attributeProblems(attributes: Attributes): RowError[] {
  const problems: RowError[] = [];
  if (attributes.specversion !== '1.0') problems.push(problem('/specversion', 'specversion must be 1.0'));
  for (const name of ['id', 'source', 'type'] as const) {
    const value = attributes[name];
    if (!value) problems.push(problem(`/${name}`, `${name} must be a string that is not empty`));
    else if (hasControl(value)) problems.push(problem(`/${name}`, `${name} has control characters`));
  }
  return problems;
}

/** The attributes that are strings; those of another type are errors, null ones count as absent. */
function readAttributes(body: Buffer, scanner: JsonScanner): { attributes: Attributes; errors: RowError[] } {
  const attributes: Attributes = {};
  const errors: RowError[] = [];
  for (const [i, name] of ATTRIBUTES.entries()) {
    if (name === 'data' || !scanner.has(i) || scanner.kinds[i] === KIND.NULL) continue;
    if (((scanner.kinds[i] as number) & (KIND.STRING | KIND.ESCAPED)) === 0)
      errors.push(problem(`/${name}`, `${name} must be a string`));
    else attributes[name] = JSON.parse(body.toString('utf8', scanner.starts[i], scanner.ends[i])) as string;
  }
  return { attributes, errors };
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function dataOf(
  body: Buffer,
  scanner: JsonScanner,
  { attributes, errors }: { attributes: Attributes; errors: RowError[] },
): CloudEvent['data'] {
  const { datacontenttype, data_base64: base64 } = attributes;
  if (datacontenttype !== undefined && !isJson(datacontenttype.split(';')[0]?.trim().toLowerCase() ?? '')) {
    errors.push(problem('/datacontenttype', 'datacontenttype must be application/json'));
  }
  const index = ATTRIBUTES.indexOf('data');
  const has = scanner.has(index) && scanner.kinds[index] !== KIND.NULL;
  if (base64 === undefined) {
    return has ? { body, from: scanner.starts[index] as number, to: scanner.ends[index] as number } : null;
  }
  if (has || !BASE64.test(base64))
    errors.push(problem('/data_base64', 'data_base64 must be base64, and stand without data'));
  const bytes = Buffer.from(base64, 'base64');
  return { body: bytes, from: 0, to: bytes.length };
}

/** Binary mode: the attributes are `ce-` headers, percent-encoded, and the body is the data. */
function binaryEvent(body: Buffer, headers: Headers): CloudEvent {
  const attributes: Attributes = { datacontenttype: mediaType(headers['content-type']) };
  const errors: RowError[] = [];
  for (const name of ['specversion', 'id', 'source', 'type'] as const) {
    const header = headers[`ce-${name}`];
    if (header === undefined) continue;
    const value = typeof header === 'string' ? percentDecoded(utf8Header(header)) : null;
    if (value === null) errors.push(problem(`/${name}`, `the header ce-${name} is not percent-encoded UTF-8`));
    else attributes[name] = value;
  }
  return { attributes, data: { body, from: 0, to: body.length }, original: body, errors };
}

/** Node gives a header as Latin-1. Some clients, the npm package `cloudevents` among them, send what is not ASCII as it is. */
function utf8Header(header: string): string {
  const bytes = Buffer.from(header, 'latin1');
  return isUtf8(bytes) ? bytes.toString() : header;
}

function percentDecoded(header: string): string | null {
  try {
    return decodeURIComponent(header);
  } catch {
    return null;
  }
}
