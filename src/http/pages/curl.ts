import type { DocumentFacts } from '../document-facts.ts';
import type { Route } from '../routes/route.ts';

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
