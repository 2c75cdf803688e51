import { INTAKE_LIMITS } from '../../limits.ts';
import { readAdHoc, SQL_TYPE } from '../../query/ad-hoc-request.ts';
import { chooseForm, FORM_PARAMETERS } from '../../query/format/negotiation.ts';
import { readOnce } from '../../query/parameters.ts';
import type { Route } from './route.ts';
import { rawParameter } from './serving.ts';
import { formatParameter, list, record, rowsAnswer, text, time } from './shapes.ts';

/** The moment that the rows of an answer are of. */
export const AS_OF_HEADER = 'azud-as-of';

/** SQL of a caller's own. */
export const SQL_ROUTES: readonly Route[] = [
  {
    id: 'sql',
    method: 'POST',
    path: '/v1/sql',
    home: 'query',
    tag: 'sql',
    summary: 'Run one SELECT',
    description:
      'Over the datasets, `_transactions` and `_dead_letters`, in a process or session of its own. With DuckDB it reads a copy; ' +
      '`as_of` and the header `azud-as-of` say of which moment. Only functions that are known to be harmless may be called. ' +
      'The answer is whole or a problem: at most 100,000 rows and 16 MiB.',
    scope: 'sql',
    parameters: [formatParameter, rawParameter],
    requestBody: {
      required: true,
      description: 'The query, at most 64 KiB; `$name` in it is a parameter.',
      content: {
        'application/json': {
          type: 'object',
          properties: { sql: text, params: { type: 'object' } },
          required: ['sql'],
          additionalProperties: false,
        },
        [SQL_TYPE]: text,
      },
    },
    streamed: false,
    // More than a query may have: a longer one is told its own limit.
    bodyBytesMax: INTAKE_LIMITS.bodyBytesMax,
    responses: { 200: rowsAnswer('The result.', record({ data: list({ type: 'object' }), as_of: time })) },
    errors: [
      'empty-body',
      'invalid-json',
      'invalid-parameter',
      'sql-failed',
      'sql-too-large',
      'statement-not-allowed',
      'function-not-allowed',
      'not-acceptable',
      'result-too-large',
      'unsupported-media-type',
      'rate-limited',
      'sql-not-supported',
      'query-memory',
      'unavailable',
      'query-timeout',
      'storage-full',
    ],
    example: `-H 'content-type: application/sql' -d 'SELECT 1 AS one'`,
    async handler({ headers, query, body, principal, requestId, signal }, rooms) {
      readOnce(query, FORM_PARAMETERS);
      const form = chooseForm(headers.accept, query);
      const asked = readAdHoc(body, headers['content-type']);
      const call = { query: asked, form, actor: principal.name, requestId, signal };
      const answer = await rooms.query().adHoc.run(call);
      return {
        status: 200,
        headers: { 'content-type': answer.contentType, vary: 'accept', [AS_OF_HEADER]: answer.asOf },
        body: answer.body,
      };
    },
  },
];
