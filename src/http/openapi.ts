import { CATALOGUE } from '../error/catalogue.ts';
import { type DocumentFacts, scopeText } from './document-facts.ts';
import { PROBLEM_TYPE } from './problem.ts';
import { type ResponseDoc, type Route, TAGS } from './routes/route.ts';
import { named, SCHEMAS } from './routes/shapes.ts';

/** The OpenAPI 3.1 document of the routes: what `/openapi.json` answers. */
export function openapi(routes: readonly Route[], facts: DocumentFacts): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = paths[route.path] ?? {};
    path[route.method.toLowerCase()] = operation(route);
    paths[route.path] = path;
  }
  return {
    openapi: '3.1.0',
    info: {
      title: facts.system,
      version: facts.version,
      description: `Taken in, never lost, served back; ${facts.promise}. Integers beyond 2^53 and decimals are JSON strings, so that they arrive exact.`,
    },
    servers: [{ url: facts.url }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operation(route: Route): Record<string, unknown> {
  const { id, tag, summary, description, parameters, requestBody, scope } = route;
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: scope === 'public' ? description : `${description} Scope: \`${scopeText(scope)}\`.`,
    security: scope === 'public' ? [] : [{ token: [] }],
    parameters: parameters.map((parameter) => ({ ...parameter })),
    ...(requestBody && { requestBody: { ...requestBody, content: mediaTypes(requestBody.content) } }),
    responses: responses(route),
  };
}

function responses(route: Route): Record<string, unknown> {
  const given = Object.entries(route.responses).map(([status, doc]) => [status, response(doc)]);
  return {
    ...Object.fromEntries(given),
    ...problemResponses(route),
    default: { description: 'Any other problem.', content: { [PROBLEM_TYPE]: { schema: named('Problem') } } },
  };
}

/** One response a status, naming the codes that have it. */
function problemResponses({ errors, scope, responses: own }: Route): Record<string, unknown> {
  const all = scope === 'public' ? errors : [...errors, 'unauthorized' as const, 'forbidden' as const];
  const byStatus = Map.groupBy(all, (code) => CATALOGUE[code].status);
  return Object.fromEntries(
    [...byStatus]
      .filter(([status]) => own[status] === undefined)
      .map(([status, codes]) => [
        String(status),
        {
          description: codes.map((code) => `\`${code}\`: ${CATALOGUE[code].title}.`).join(' '),
          content: { [PROBLEM_TYPE]: { schema: named('Problem') } },
        },
      ]),
  );
}

function response({ description, content }: ResponseDoc): Record<string, unknown> {
  return { description, ...(content && { content: mediaTypes(content) }) };
}

function mediaTypes(content: NonNullable<ResponseDoc['content']>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }]));
}
