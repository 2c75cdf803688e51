import type { JsonSchema } from '../../event/dataset.ts';
import type { Endpoint } from '../../query/endpoint.ts';
import type { EndpointParameter } from '../../query/endpoint-parameter.ts';
import { entityAnswer } from '../entity.ts';
import type { Parameter, PathParams, Route } from './route.ts';
import { formOf, QUERY_ROUTE, rawParameter } from './serving.ts';
import { formatParameter, ifNoneMatch, inPath, list, readResponses, record } from './shapes.ts';

/** A route a declared endpoint, at its own path, and one that says of any other name that there is none. */
export function endpointRoutes(endpoints: ReadonlyMap<string, Endpoint>): Route[] {
  return [...[...endpoints.values()].map(endpointRoute), unknownRoute()];
}

function endpointRoute(endpoint: Endpoint): Route {
  const { name, path, params, shape, cacheMs } = endpoint;
  const cached = cacheMs > 0 ? ` Answers are kept for ${cacheMs / 1_000} s.` : '';
  const row = { type: 'object' };
  return {
    ...QUERY_ROUTE,
    id: `endpoint_${name}`,
    path,
    tag: 'endpoints',
    summary: name.replaceAll('_', ' '),
    description: `${shape === 'row' ? 'One row, bare; 404 when there is none.' : 'Rows.'}${cached}`,
    scope: `query:${name}`,
    parameters: [...[...params].map((entry) => parameterOf(path, entry)), formatParameter, rawParameter, ifNoneMatch],
    responses: readResponses('The result.', shape === 'row' ? row : record({ data: list(row) })),
    errors: [
      'invalid-parameter',
      ...(shape === 'row' ? (['row-not-found'] as const) : []),
      'not-acceptable',
      'sql-failed',
      'rate-limited',
      'query-timeout',
      'query-memory',
    ],
    example: '',
    streamed: true,
    async handler(request, rooms) {
      const form = formOf(request);
      const answer = await rooms.query().endpoints.call({
        name,
        params: [...Object.entries(request.params), ...request.query],
        form,
        signal: request.signal,
      });
      return entityAnswer(answer, request);
    },
  };
}

function unknownRoute(): Route {
  return {
    ...QUERY_ROUTE,
    id: 'endpoint',
    path: '/v1/endpoints/{name}',
    tag: 'endpoints',
    summary: 'Ask an endpoint',
    description: 'The declared endpoints stand below, each with its parameters.',
    scope: { documented: 'query:{name}', of: ({ name = '' }: PathParams) => `query:${name}` },
    parameters: [inPath('name', 'Of the endpoint.')],
    responses: readResponses('The result.', { type: 'object' }),
    errors: ['endpoint-not-found'],
    example: '',
    streamed: true,
    async handler(request, rooms) {
      const { name = '' } = request.params;
      const form = formOf(request);
      const { endpoints } = rooms.query();
      return entityAnswer(await endpoints.call({ name, params: request.query, form, signal: request.signal }), request);
    },
  };
}

/** Types that JSON Schema knows as formats of text. */
const STRINGS: Readonly<Record<string, JsonSchema>> = {
  date: { type: 'string', format: 'date' },
  timestamp: { type: 'string', format: 'date-time' },
  'date-time': { type: 'string', format: 'date-time' },
};

function parameterOf(path: string, [name, { required, declaration }]: [string, EndpointParameter]): Parameter {
  const { required: _required, type, description, ...rest } = declaration;
  // The configuration says null where a bound is not set; JSON Schema leaves it out.
  const bounds = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null && value !== undefined));
  const schema: JsonSchema = {
    ...(STRINGS[type] ?? { type }),
    ...bounds,
  };
  if (path.includes(`{${name}}`)) return inPath(name, description ?? '', schema);
  return { name, in: 'query', required, description: description ?? '', schema };
}
