import type { DocumentFacts } from './document-facts.ts';
import { openapi } from './openapi.ts';
import { docsPage } from './pages/docs-page.ts';
import type { DocumentsRoom } from './rooms.ts';
import type { Route } from './routes/route.ts';

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
