import { AzudError } from '../../error/azud-error.ts';
import { CATALOGUE } from '../../error/catalogue.ts';
import { type Answer, jsonAnswer } from '../answer.ts';
import { PAGE_HEADERS } from '../pages/page.ts';
import { problemPage, problemsPage } from '../pages/problem-page.ts';
import { isErrorCode } from '../problem.ts';
import type { Route } from './route.ts';
import { inPath, json, list, named, record, text } from './shapes.ts';

const ROUTE = {
  method: 'GET',
  home: 'any',
  tag: 'system',
  requestBody: null,
  bodyBytesMax: 0,
  parameters: [],
  errors: [],
  example: '',
  streamed: false,
} as const satisfies Partial<Route>;

const HEALTH = {
  ...ROUTE,
  summary: 'Is this process alive?',
  description: 'It is, if it answers.',
  scope: 'public',
  responses: { 200: json('Alive.', record({ status: { const: 'ok' } })) },
  handler: () => jsonAnswer(200, { status: 'ok' }),
} as const satisfies Partial<Route>;

/** Health, metrics, the promise in force. */
export const SYSTEM_ROUTES: readonly Route[] = [
  { ...HEALTH, id: 'health', path: '/healthz' },
  { ...HEALTH, id: 'healthcheck', path: '/healthcheck', description: 'Another name of /healthz.' },
  {
    ...ROUTE,
    id: 'readiness',
    path: '/readyz',
    summary: 'Is everything ready?',
    description: 'Each check by name. Intake takes events in also while analytics is not ready.',
    scope: 'public',
    responses: { 200: json('Ready.', named('Readiness')), 503: json('Not ready, and why.', named('Readiness')) },
    async handler(_request, { system }) {
      const readiness = await system.readiness();
      return readiness.ready ? jsonAnswer(200, readiness) : jsonAnswer(503, readiness, { 'retry-after': '1' });
    },
  },
  {
    ...ROUTE,
    id: 'metrics',
    path: '/metrics',
    summary: 'Metrics of every process',
    description: 'Prometheus text format.',
    scope: 'metrics',
    responses: { 200: { description: 'The metrics.', content: { 'text/plain': text } } },
    async handler(_request, { system }): Promise<Answer> {
      const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' };
      return { status: 200, headers, body: await system.metrics() };
    },
  },
  {
    ...ROUTE,
    id: 'durability',
    path: '/v1/durability',
    summary: 'What a 2xx promises',
    description: 'In one sentence, of the broker in use.',
    scope: 'any',
    responses: { 200: json('The promise in force.', record({ broker: text, promise: text })) },
    handler: (_request, { system }) => jsonAnswer(200, system.durability()),
  },
];

/** What this server says about itself. */
export const DOCUMENT_ROUTES: readonly Route[] = [
  {
    ...ROUTE,
    tag: 'documents',
    id: 'openapi',
    path: '/openapi.json',
    summary: 'This interface as OpenAPI 3.1',
    description: 'Made from the routes of the running configuration.',
    scope: 'public',
    responses: { 200: json('The document.', { type: 'object' }) },
    handler: (_request, { documents }) => ({
      status: 200,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: documents.openapi,
    }),
  },
  {
    ...ROUTE,
    tag: 'documents',
    id: 'docs',
    path: '/docs',
    summary: 'This interface as a page',
    description: 'Every route with an example to copy. Works offline and without scripts.',
    scope: 'public',
    responses: { 200: { description: 'The page.', content: { 'text/html': text } } },
    handler: (_request, { documents }) => ({ status: 200, headers: PAGE_HEADERS, body: documents.docs }),
  },
  {
    ...ROUTE,
    tag: 'documents',
    id: 'problems',
    path: '/problems',
    summary: 'Every error code',
    description: 'The catalogue of errors; a page for browsers, JSON for programs.',
    scope: 'public',
    responses: {
      200: {
        description: 'The catalogue.',
        content: {
          'application/json': record({ data: list(record({ code: text, title: text, hint: text })) }),
          'text/html': text,
        },
      },
    },
    handler({ headers }) {
      if (headers.accept?.includes('text/html')) return { status: 200, headers: PAGE_HEADERS, body: problemsPage() };
      return jsonAnswer(200, { data: Object.entries(CATALOGUE).map(([code, entry]) => ({ code, ...entry })) });
    },
  },
  {
    ...ROUTE,
    tag: 'documents',
    id: 'problem',
    path: '/problems/{code}',
    summary: 'One error code',
    description: 'What it means and what to do next; a page for browsers, JSON for programs.',
    scope: 'public',
    parameters: [inPath('code', 'As in a problem.')],
    responses: {
      200: {
        description: 'The entry.',
        content: { 'application/json': record({ code: text, title: text, hint: text }), 'text/html': text },
      },
    },
    errors: ['not-found'],
    handler({ params, headers }) {
      // Rows and dead letters spell the same code with underscores.
      const code = (params.code ?? '').replaceAll('_', '-');
      if (!isErrorCode(code)) throw new AzudError('not-found', `there is no error code ${code.slice(0, 64)}`);
      if (headers.accept?.includes('text/html')) return { status: 200, headers: PAGE_HEADERS, body: problemPage(code) };
      return jsonAnswer(200, { code, ...CATALOGUE[code] });
    },
  },
];
