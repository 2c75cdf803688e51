import type { JsonSchema } from '../../event/dataset.ts';
import type { Parameter, ResponseDoc } from './route.ts';

/** Small words for writing routes down. */
export const text: JsonSchema = { type: 'string' };
export const count: JsonSchema = { type: 'integer', minimum: 0 };
export const flag: JsonSchema = { type: 'boolean' };
export const time: JsonSchema = { type: 'string', format: 'date-time' };
export const uuid: JsonSchema = { type: 'string', format: 'uuid' };

export const nullable = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: 'null' }] });
export const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items });
export const record = (properties: Readonly<Record<string, JsonSchema>>): JsonSchema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
});
/** A schema of `components.schemas`. */
export const named = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

export const json = (description: string, schema: JsonSchema): ResponseDoc => ({
  description,
  content: { 'application/json': schema },
});

export const inPath = (name: string, description: string, schema: JsonSchema = text): Parameter => ({
  name,
  in: 'path',
  required: true,
  description,
  schema,
});
export const inQuery = (name: string, description: string, schema: JsonSchema = text): Parameter => ({
  name,
  in: 'query',
  required: false,
  description,
  schema,
});
export const inHeader = (name: string, description: string): Parameter => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: text,
});

/** Row formats, as media types and as `?format=`. */
export const FORMATS = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv',
  parquet: 'application/vnd.apache.parquet',
} as const;

export const formatParameter = inQuery('format', 'Instead of the Accept header.', { enum: Object.keys(FORMATS) });

/** An answer of rows in every format. */
export const rowsAnswer = (description: string, schema: JsonSchema): ResponseDoc => ({
  description,
  content: {
    [FORMATS.json]: schema,
    [FORMATS.ndjson]: text,
    [FORMATS.csv]: text,
    [FORMATS.parquet]: { type: 'string', contentMediaType: FORMATS.parquet },
  },
});

/** The answers of a read: its rows, or nothing for a caller who has them. */
export const readResponses = (description: string, schema: JsonSchema) => ({
  200: rowsAnswer(description, schema),
  304: { description: 'Not changed since the tag in `If-None-Match`.' },
});

export const ifNoneMatch = inHeader('If-None-Match', 'The `ETag` of an answer that the caller has.');

/** `components.schemas` of the OpenAPI document. */
export const SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  RowError: {
    type: 'object',
    properties: {
      row: { ...count, description: 'Counts from 1.' },
      path: { ...text, description: 'JSON Pointer into the event.' },
      code: text,
      message: text,
    },
    required: ['path', 'code', 'message'],
  },
  Problem: {
    description: 'RFC 9457.',
    type: 'object',
    properties: {
      type: { ...text, description: 'A page of this server.' },
      title: text,
      status: { type: 'integer' },
      detail: text,
      code: text,
      hint: { ...text, description: 'What to do next.' },
      request_id: text,
      errors: list(named('RowError')),
    },
    required: ['type', 'title', 'status', 'detail', 'code', 'hint', 'request_id'],
  },
  Accepted: record({
    transaction_id: uuid,
    dataset: nullable(text),
    accepted: count,
    rejected: count,
    errors: list(named('RowError')),
  }),
  Receipt: record({
    transaction_id: uuid,
    dataset: nullable(text),
    received_at: time,
    state: { enum: ['queued', 'stored', 'partial', 'dead'] },
    counts: record({ accepted: count, stored: count, duplicate: count, dead: count, queued: count }),
    dead_letters: list(record({ id: uuid, row: count, code: text, path: text, message: text })),
  }),
  Readiness: record({
    ready: flag,
    checks: list({ type: 'object', properties: { name: text, ok: flag, reason: text }, required: ['name', 'ok'] }),
  }),
};
