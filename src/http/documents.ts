import { openapi } from './openapi.ts';
import { docsPage } from './pages/docs-page.ts';
import type { DocumentsRoom } from './rooms.ts';
import type { Route, RouteScope } from './routes/route.ts';

/** What the documents say besides the routes. */
export interface DocumentFacts {
  readonly system: string;
  readonly environment: string;
  readonly version: string;
  /** What a 2xx of intake means. */
  readonly promise: string;
  /** True when tokens are set, so that examples carry one. */
  readonly tokens: boolean;
  /** `http://127.0.0.1:8080` */
  readonly url: string;
}

/** Both documents, made when they are first asked for: the port is known only after listening. */
export function createDocuments(routes: readonly Route[], facts: () => DocumentFacts): DocumentsRoom {
  let docs: string | null = null;
  let document: string | null = null;
  return {
    get docs() {
      docs ??= docsPage(routes, facts());
      return docs;
    },
    get openapi() {
      document ??= JSON.stringify(openapi(routes, facts()), null, 2);
      return document;
    },
  };
}

export function scopeText(scope: RouteScope): string {
  return typeof scope === 'string' ? scope : scope.documented;
}

/** A line to copy into a shell. */
export function curlOf(route: Route, { url, tokens }: Pick<DocumentFacts, 'url' | 'tokens'>): string {
  const needed = route.parameters.filter(({ in: place, required }) => place === 'query' && required);
  const query = needed.map(({ name, schema }) => `${name}=${encodeURIComponent(exampleOf(name, schema))}`).join('&');
  const address = `'${url}${route.path}${query && `?${query}`}'`;
  const parts = [
    'curl',
    ...(tokens && route.scope !== 'public' ? [`-H "authorization: Bearer $AZUD_TOKEN"`] : []),
    ...(route.method === 'POST' ? ['-X POST'] : []),
    address,
    route.example,
  ];
  return parts.filter((part) => part !== '').join(' ');
}

function exampleOf(name: string, schema: Readonly<Record<string, unknown>>): string {
  if (Array.isArray(schema.enum)) return String(schema.enum[0]);
  if (schema.default !== undefined) return String(schema.default);
  if (schema.type === 'integer' || schema.type === 'number') return String(schema.minimum ?? 1);
  if (schema.type === 'boolean') return 'true';
  return `{${name}}`;
}
