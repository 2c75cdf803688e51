import { AzudError } from '../../error/azud-error.ts';
import type { JsonSchema } from '../../event/dataset.ts';
import { mediaType } from '../../intake/media.ts';
import { HTTP_LIMITS } from '../../limits.ts';
import { readOnce } from '../../query/parameters.ts';
import { jsonAnswer } from '../answer.ts';
import type { RequestBodyDoc, Route, RouteRequest } from './route.ts';
import { count, flag, inPath, inQuery, json, list, nullable, record, text, time, uuid } from './shapes.ts';
import { readWaitMs, WAIT_NAMES, WAIT_PARAMETERS } from './wait.ts';

const ROUTE = {
  home: 'query',
  tag: 'dead-letters',
  scope: 'dead-letters',
  streamed: false,
} as const satisfies Partial<Route>;
const READ = { ...ROUTE, method: 'GET', requestBody: null, bodyBytesMax: 0, example: '' } as const;
const WRITE = { ...ROUTE, method: 'POST', bodyBytesMax: HTTP_LIMITS.controlBytesMax } as const;

const SUMMARY = {
  id: uuid,
  dataset: text,
  transaction_id: uuid,
  event_id: nullable(text),
  row: count,
  stage: { enum: ['intake', 'enrich', 'store'] },
  code: text,
  message: text,
  path: text,
  received_at: time,
  state: { enum: ['dead', 'discarded'] },
  reason: nullable(text),
} as const;
const FILTER: JsonSchema = {
  type: 'object',
  properties: { dataset: text, code: text, since: time, transaction_id: uuid },
};
const JSON_HEADER = `-H 'content-type: application/json'`;
const BODY_ERRORS = ['invalid-json', 'invalid-parameter', 'unsupported-media-type', 'unsupported-charset'] as const;
/** Of a route that takes no parameter. */
const NONE: ReadonlySet<string> = new Set();
const WAIT: ReadonlySet<string> = new Set(WAIT_NAMES);
const idInPath = inPath('id', 'Of the dead letter.', uuid);

/** Events that could not be stored: read, corrected, sent again, or closed for good. */
export const DEAD_LETTER_ROUTES: readonly Route[] = [
  {
    ...READ,
    id: 'dead_letters',
    path: '/v1/dead-letters',
    summary: 'List dead letters',
    description: 'Newest first, those of one batch in the order of their rows.',
    parameters: [
      inQuery('dataset', 'Only of this dataset.'),
      inQuery('code', 'Only of this code, such as `schema_violation`.'),
      inQuery('since', 'Only those received since.', time),
      inQuery('transaction_id', 'Only of this transaction.', uuid),
      inQuery('state', '`dead` unless told otherwise.', { enum: ['dead', 'discarded', 'any'] }),
      inQuery('limit', 'Letters of a page.', { type: 'integer', minimum: 1 }),
      inQuery('cursor', 'The `next` of the page before.'),
    ],
    responses: { 200: json('A page.', record({ data: list(record(SUMMARY)), next: nullable(text) })) },
    errors: ['invalid-parameter', 'invalid-cursor'],
    async handler({ query, signal }, rooms) {
      return jsonAnswer(200, await rooms.query().deadLetters.list(query, signal));
    },
  },
  {
    ...READ,
    id: 'dead_letter',
    path: '/v1/dead-letters/{id}',
    summary: 'Show one dead letter',
    description: 'With the original bytes: as text where they are UTF-8, else in base64.',
    parameters: [idInPath],
    responses: {
      200: json('The letter.', record({ ...SUMMARY, original: text, encoding: { enum: ['utf-8', 'base64'] } })),
    },
    errors: ['invalid-parameter', 'dead-letter-not-found'],
    async handler({ params, query, signal }, rooms) {
      readOnce(query, NONE);
      return jsonAnswer(200, await rooms.query().deadLetters.show(params.id ?? '', signal));
    },
  },
  {
    ...WRITE,
    id: 'replay_dead_letter',
    path: '/v1/dead-letters/{id}/replay',
    summary: 'Replay one dead letter',
    description: 'As it is, or with a corrected event. It keeps its event id. It counts as dead until it is written.',
    parameters: [idInPath, ...WAIT_PARAMETERS],
    requestBody: bodyOf('The corrected event; none: as it is.', { event: { type: 'object' } }, false),
    responses: {
      200: json('Written.', replayed()),
      202: json('Safe, and on its way to the store.', replayed()),
    },
    errors: [...BODY_ERRORS, 'dead-letter-not-found', 'already-discarded', 'schema-violation'],
    example: `${JSON_HEADER} -d '{"event":{}}'`,
    async handler(request, rooms) {
      const { params, query, principal, signal } = request;
      const body = jsonBody(request);
      const waitMs = readWaitMs(readOnce(query, WAIT));
      const asked = { actor: principal.name, signal, waitMs };
      const result = await rooms.query().deadLetters.replay(params.id ?? '', body, asked);
      return jsonAnswer(result.state === 'queued' ? 202 : 200, result);
    },
  },
  {
    ...WRITE,
    id: 'replay_dead_letters',
    path: '/v1/dead-letters/replay',
    summary: 'Replay many dead letters',
    description:
      'All that fit the filter, each patched (RFC 6902). A dry run tells how many would pass now, and why not.',
    parameters: [],
    requestBody: bodyOf('What to replay.', { filter: FILTER, patch: list({ type: 'object' }), dry_run: flag }),
    responses: {
      200: json('The result.', {
        type: 'object',
        properties: {
          dry_run: flag,
          matched: count,
          would_pass: count,
          replayed: count,
          failed: count,
          reasons: list(record({ code: text, message: text, count })),
        },
        required: ['dry_run', 'matched', 'failed', 'reasons'],
      }),
    },
    errors: [...BODY_ERRORS, 'empty-body', 'invalid-patch'],
    example: `${JSON_HEADER} -d '{"filter":{"code":"schema_violation"},"dry_run":true}'`,
    async handler(request, rooms) {
      const asked = { actor: request.principal.name, signal: request.signal };
      readOnce(request.query, NONE);
      return jsonAnswer(200, await rooms.query().deadLetters.replayMany(jsonBody(request), asked));
    },
  },
  {
    ...WRITE,
    id: 'discard_dead_letters',
    path: '/v1/dead-letters/discard',
    summary: 'Discard dead letters',
    description: 'Closes them for good, with a reason. They stay readable, and dead in every sum.',
    parameters: [],
    requestBody: bodyOf('Which, and why.', { ids: list(uuid), filter: FILTER, reason: text }),
    responses: { 200: json('The result.', record({ matched: count, discarded: count })) },
    errors: [...BODY_ERRORS, 'empty-body', 'dead-letter-not-found'],
    example: `${JSON_HEADER} -d '{"filter":{"dataset":"flights"},"reason":"test data"}'`,
    async handler(request, rooms) {
      const asked = { actor: request.principal.name, signal: request.signal };
      readOnce(request.query, NONE);
      return jsonAnswer(200, await rooms.query().deadLetters.discard(jsonBody(request), asked));
    },
  },
];

/**
 * A body must say that it is JSON: a page of another site can make a browser send text or a form without being asked.
 * @throws AzudError `unsupported-media-type`, `unsupported-charset`
 */
function jsonBody({ headers, body }: RouteRequest): Buffer {
  if (body.length === 0) return body;
  const type = mediaType(headers['content-type']);
  if (type === 'application/json') return body;
  const hint = 'Use application/json.';
  throw new AzudError('unsupported-media-type', `the content type ${type.slice(0, 80)} is not taken`, { hint });
}

function bodyOf(description: string, properties: Record<string, JsonSchema>, required = true): RequestBodyDoc {
  return { required, description, content: { 'application/json': { type: 'object', properties } } };
}

function replayed(): JsonSchema {
  const state = { enum: ['queued', 'stored', 'duplicate', 'dead'] };
  return record({ id: uuid, dataset: text, transaction_id: uuid, event_id: text, state });
}
