import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type HTTPMethods } from 'fastify';
import { AzudError } from '../error/azud-error.ts';
import { HTTP_LIMITS } from '../limits.ts';
import { checkParams, type Exchange } from './exchange.ts';
import { asAzudError } from './problem.ts';
import type { PathParams } from './routes/route.ts';
import type { BoundRoute } from './server.ts';

export interface RouterHandlers {
  serve(bound: BoundRoute, exchange: Exchange): void;
  refuse(error: AzudError, exchange: Exchange): void;
}

export interface Router {
  route(exchange: Exchange): void;
  close(): Promise<void>;
}

const ALL_METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

/**
 * Fastify finds the route; bodies, answers and sockets stay with the server, so that a request refused anywhere is
 * refused in the same way. Hence no parsers, no hooks, no Fastify log.
 */
export async function createRouter(routes: readonly BoundRoute[], handlers: RouterHandlers): Promise<Router> {
  const exchanges = new WeakMap<IncomingMessage, Exchange>();
  let dispatch: (incoming: IncomingMessage, outgoing: ServerResponse) => void = () => {};
  const exchangeOf = (request: FastifyRequest) => exchanges.get(request.raw) as Exchange;
  const refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    reply.hijack();
    handlers.refuse(asAzudError(error), exchangeOf(request));
  };
  const app = Fastify({
    // The front door's own server calls `dispatch`; this one never listens.
    serverFactory: (handler) => {
      dispatch = handler;
      return createServer();
    },
    exposeHeadRoutes: false,
    requestIdHeader: false,
    trustProxy: false,
    routerOptions: { maxParamLength: HTTP_LIMITS.urlBytesMax, caseSensitive: true, ignoreTrailingSlash: false },
    frameworkErrors: (error, request, reply) => refuse(error, request, reply as FastifyReply),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.setErrorHandler(refuse);
  app.setNotFoundHandler((request, reply) =>
    refuse(new AzudError('not-found', `there is nothing at ${request.url.slice(0, 200)}`), request, reply),
  );
  for (const [path, here] of groupByPath(routes)) addPath({ app, path, here, handlers, exchangeOf });
  await app.ready();
  return {
    route(exchange) {
      exchanges.set(exchange.incoming, exchange);
      dispatch(exchange.incoming, exchange.outgoing);
    },
    close: () => app.close(),
  };
}

interface PathEntry {
  readonly app: FastifyInstance;
  readonly path: string;
  readonly here: readonly BoundRoute[];
  readonly handlers: RouterHandlers;
  readonly exchangeOf: (request: FastifyRequest) => Exchange;
}

/** Every method of one path: its routes, HEAD where it costs little, OPTIONS, and 405 for the rest. */
function addPath({ app, path, here, handlers, exchangeOf }: PathEntry): void {
  const url = routerPath(path);
  const byMethod = new Map<HTTPMethods, BoundRoute>();
  for (const bound of here) {
    byMethod.set(bound.route.method, bound);
    if (bound.route.method === 'GET' && !bound.route.streamed) byMethod.set('HEAD', bound);
  }
  const allow = [...byMethod.keys(), 'OPTIONS'].join(', ');
  for (const method of ALL_METHODS) {
    const bound = byMethod.get(method);
    app.route({
      method,
      url,
      handler: (request, reply) => {
        reply.hijack();
        const exchange = exchangeOf(request);
        try {
          exchange.params = request.params as PathParams;
          checkParams(exchange.params);
          if (bound) return handlers.serve(bound, exchange);
          if (method === 'OPTIONS') return answerOptions(exchange, allow);
          throw new AzudError('method-not-allowed', `${path} takes ${allow}`, { headers: { allow } });
        } catch (error) {
          handlers.refuse(asAzudError(error), exchange);
        }
      },
    });
  }
}

function answerOptions({ outgoing, requestId }: Exchange, allow: string): void {
  outgoing.writeHead(204, { allow, 'x-request-id': requestId });
  outgoing.end();
}

function groupByPath(routes: readonly BoundRoute[]): Map<string, BoundRoute[]> {
  return Map.groupBy(routes, ({ route }) => route.path);
}

/** `/v1/datasets/{dataset}` as Fastify writes it: `/v1/datasets/:dataset`; a literal colon is doubled. */
function routerPath(path: string): string {
  return path.replaceAll(':', '::').replaceAll(/\{([^}]+)\}/g, ':$1');
}
