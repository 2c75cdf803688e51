import { detailRow, summaryRows } from '../../query/datasets.ts';
import { type Body, type FormatOptions, formatRow, formatRows } from '../../query/format/body.ts';
import { chooseForm, FORM_PARAMETERS } from '../../query/format/negotiation.ts';
import { readOnce } from '../../query/parameters.ts';
import { type Answer, jsonAnswer } from '../answer.ts';
import { allows } from '../auth.ts';
import { entityAnswer } from '../entity.ts';
import { receiptPath } from './internal.ts';
import { answerReceipt } from './receipt.ts';
import type { Route, RouteRequest } from './route.ts';
import {
  count,
  flag,
  formatParameter,
  ifNoneMatch,
  inPath,
  inQuery,
  json,
  list,
  named,
  nullable,
  readResponses,
  record,
  text,
  time,
  uuid,
} from './shapes.ts';

export const QUERY_ROUTE = {
  method: 'GET',
  home: 'query',
  requestBody: null,
  bodyBytesMax: 0,
} as const satisfies Partial<Route>;

/** `Accept`, or `?format=` before it; `?raw=true` leaves CSV cells alone that a spreadsheet would run. */
export function formOf({ headers, query }: RouteRequest): FormatOptions {
  return chooseForm(headers.accept, query);
}

function readAnswer({ contentType, chunks }: Body, request: RouteRequest): Promise<Answer> {
  return entityAnswer({ contentType, body: chunks, maxAgeSeconds: null }, request);
}

export const rawParameter = inQuery('raw', 'CSV: leave cells alone that a spreadsheet would run as a formula.', flag);
const SUMMARY = {
  dataset: text,
  mode: { enum: ['append', 'upsert'] },
  rows: count,
  first: nullable(time),
  last: nullable(time),
  bytes: count,
  lag: nullable(count),
};
/** Of a route that takes no parameter. */
const NONE: ReadonlySet<string> = new Set();
const anyScope = { documented: 'query:{dataset}', of: ({ dataset = '' }) => `query:${dataset}` as const };

/** Receipts, datasets, rows, and the conservation of them all. */
export const SERVING_ROUTES: readonly Route[] = [
  {
    ...QUERY_ROUTE,
    id: 'receipt',
    path: '/v1/transactions/{transaction_id}',
    tag: 'receipts',
    summary: 'What became of a transaction',
    description: 'Every accepted event is queued, stored, dead or a duplicate; the counts always add up.',
    scope: { documented: 'intake:{dataset} or query:{dataset}', of: () => 'any' },
    parameters: [inPath('transaction_id', 'Of the answer to a POST.', uuid)],
    responses: { 200: json('The receipt.', named('Receipt')) },
    errors: ['invalid-parameter', 'transaction-not-found'],
    example: '',
    streamed: false,
    handler(request, rooms) {
      readOnce(request.query, NONE);
      return answerReceipt(request, rooms, null);
    },
    async forwardedTo({ params, query }, rooms) {
      readOnce(query, NONE);
      const { transaction_id: id = '' } = params;
      const takenIn = await rooms.intake().takenIn(id);
      return takenIn && receiptPath(id, takenIn);
    },
  },
  {
    ...QUERY_ROUTE,
    id: 'datasets',
    path: '/v1/datasets',
    tag: 'datasets',
    summary: 'List the datasets',
    description: 'Those that the token may read.',
    scope: 'any',
    parameters: [formatParameter, rawParameter, ifNoneMatch],
    responses: readResponses('The datasets.', record({ data: list(record(SUMMARY)) })),
    errors: ['invalid-parameter', 'not-acceptable'],
    example: '',
    streamed: false,
    async handler(request, rooms) {
      readOnce(request.query, FORM_PARAMETERS);
      const form = formOf(request);
      const all = await rooms.query().datasets.list();
      const visible = all.filter(({ dataset }) => allows(request.principal, `query:${dataset}`));
      return readAnswer(formatRows(summaryRows(visible), form), request);
    },
  },
  {
    ...QUERY_ROUTE,
    id: 'dataset',
    path: '/v1/datasets/{dataset}',
    tag: 'datasets',
    summary: 'Show one dataset',
    description: 'Its schema, columns, row count, first and last event, size, and what is on its way.',
    scope: anyScope,
    parameters: [inPath('dataset', 'Its name.'), formatParameter, rawParameter, ifNoneMatch],
    responses: readResponses(
      'The dataset.',
      record({ ...SUMMARY, columns: list(record({ name: text, type: text, required: flag })), schema: {} }),
    ),
    errors: ['dataset-not-found', 'invalid-parameter', 'not-acceptable'],
    example: '',
    streamed: false,
    async handler(request, rooms) {
      readOnce(request.query, FORM_PARAMETERS);
      const form = formOf(request);
      const detail = await rooms.query().datasets.detail(request.params.dataset ?? '');
      return readAnswer(formatRow(detailRow(detail), form), request);
    },
  },
  {
    ...QUERY_ROUTE,
    id: 'rows',
    path: '/v1/datasets/{dataset}/rows',
    tag: 'datasets',
    summary: 'Read rows',
    description:
      'Newest first. Filter with `{column}={operator}.{value}`: `eq ne lt lte gt gte in like is`. ' +
      'Integers beyond 2^53 and decimals are JSON strings, so that they arrive exact.',
    scope: anyScope,
    parameters: [
      inPath('dataset', 'Its name.'),
      inQuery('limit', 'Rows of a page.', { type: 'integer', minimum: 1, maximum: 10_000, default: 100 }),
      inQuery('cursor', 'The `next` of the page before.'),
      inQuery('order', 'Columns, a minus for descending: `-date,origin`.'),
      inQuery('select', 'Columns: `date,origin`.'),
      formatParameter,
      rawParameter,
      ifNoneMatch,
    ],
    responses: readResponses('A page.', record({ data: list({ type: 'object' }), next: nullable(text) })),
    errors: [
      'dataset-not-found',
      'invalid-parameter',
      'invalid-cursor',
      'not-acceptable',
      'rate-limited',
      'query-timeout',
    ],
    example: '',
    streamed: true,
    async handler(request, rooms) {
      const format = formOf(request);
      const page = await rooms.query().rows.list(request.params.dataset ?? '', request.query, request.signal);
      return readAnswer(formatRows(page, format), request);
    },
  },
  {
    ...QUERY_ROUTE,
    id: 'row',
    path: '/v1/datasets/{dataset}/rows/{id}',
    tag: 'datasets',
    summary: 'Read one row',
    description: 'By `_event_id`, or by its key in a dataset of mode upsert.',
    scope: anyScope,
    parameters: [
      inPath('dataset', 'Its name.'),
      inPath('id', 'Event id or key.'),
      formatParameter,
      rawParameter,
      ifNoneMatch,
    ],
    responses: readResponses('The row.', { type: 'object' }),
    errors: ['dataset-not-found', 'row-not-found', 'invalid-parameter', 'not-acceptable'],
    example: '',
    streamed: true,
    async handler(request, rooms) {
      readOnce(request.query, FORM_PARAMETERS);
      const format = formOf(request);
      const { dataset = '', id = '' } = request.params;
      return readAnswer(formatRow(await rooms.query().rows.byId(dataset, id, request.signal), format), request);
    },
  },
  {
    ...QUERY_ROUTE,
    id: 'conservation',
    path: '/v1/conservation',
    tag: 'receipts',
    summary: 'Is every event accounted for?',
    description: 'accepted = stored + duplicate + dead + in flight, for each dataset, at any moment.',
    scope: 'metrics',
    parameters: [],
    responses: {
      200: json(
        'The balance.',
        record({
          balanced: flag,
          datasets: list(
            record({
              dataset: text,
              accepted: count,
              stored: count,
              duplicate: count,
              dead: count,
              in_flight: nullable(count),
              balanced: flag,
            }),
          ),
        }),
      ),
    },
    errors: ['invalid-parameter'],
    example: '',
    streamed: false,
    async handler({ query }, rooms) {
      readOnce(query, NONE);
      return jsonAnswer(200, await rooms.query().conservation.report());
    },
  },
];
