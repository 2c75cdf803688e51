import createPathTable from 'find-my-way';
import { AzudError } from '../error/azud-error.ts';
import { HTTP_LIMITS } from '../limits.ts';
import type { BoundRoute } from './bound-route.ts';
import { checkParams, type Exchange, pathOf } from './exchange.ts';
import { asAzudError } from './problem.ts';
import type { PathParams } from './routes/route.ts';

export interface RouterHandlers {
  serve(bound: BoundRoute, exchange: Exchange): void;
  refuse(error: AzudError, exchange: Exchange): void;
}

/** What stands at one path: its routes by method. */
interface PathEntry {
  readonly path: string;
  readonly byMethod: ReadonlyMap<string, BoundRoute>;
  /** For the Allow header. */
  readonly allow: string;
}

/**
 * Finds the route of a request by path first, then by method: a path that exists answers 405 with what it takes, and
 * OPTIONS, without a route for each.
 */
export class Router {
  readonly #handlers: RouterHandlers;
  readonly #paths = createPathTable({
    maxParamLength: HTTP_LIMITS.urlBytesMax,
    caseSensitive: true,
    ignoreTrailingSlash: false,
  });

  constructor(routes: readonly BoundRoute[], handlers: RouterHandlers) {
    this.#handlers = handlers;
    for (const [path, here] of Map.groupBy(routes, ({ route }) => route.path)) {
      // The table would route by method too; here one entry stands for all of them.
      this.#paths.on('GET', tablePath(path), () => {}, pathEntry(path, here));
    }
  }

  route(exchange: Exchange): void {
    try {
      const found = this.#paths.find('GET', pathOf(exchange.url));
      if (!found) throw new AzudError('not-found', `there is nothing at ${exchange.url.slice(0, 200)}`);
      exchange.params = found.params as PathParams;
      checkParams(exchange.params);
      this.#dispatch(found.store as PathEntry, exchange);
    } catch (error) {
      this.#handlers.refuse(asAzudError(error), exchange);
    }
  }

  #dispatch({ path, byMethod, allow }: PathEntry, exchange: Exchange): void {
    const { method = 'GET' } = exchange.incoming;
    const bound = byMethod.get(method);
    if (bound) this.#handlers.serve(bound, exchange);
    else if (method === 'OPTIONS') answerOptions(exchange, allow);
    else throw new AzudError('method-not-allowed', `${path} takes ${allow}`, { headers: { allow } });
  }
}

function pathEntry(path: string, here: readonly BoundRoute[]): PathEntry {
  const byMethod = new Map<string, BoundRoute>();
  for (const bound of here) {
    byMethod.set(bound.route.method, bound);
    if (bound.route.method === 'GET') byMethod.set('HEAD', bound);
  }
  return { path, byMethod, allow: [...byMethod.keys(), 'OPTIONS'].join(', ') };
}

function answerOptions({ outgoing, requestId }: Exchange, allow: string): void {
  outgoing.writeHead(204, { allow, 'x-request-id': requestId });
  outgoing.end();
}

/** `/v1/datasets/{dataset}` as the table writes it: `/v1/datasets/:dataset`; a literal colon is doubled. */
function tablePath(path: string): string {
  return path.replaceAll(':', '::').replaceAll(/\{([^}]+)\}/g, ':$1');
}
