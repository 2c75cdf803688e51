/** What the generator knows of the server: its own OpenAPI document, read. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly query: readonly string[];
  readonly headers: readonly string[];
  readonly types: readonly string[];
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentOperation>>>>;
}

interface DocumentOperation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
}

export function operationsOf(document: unknown): readonly Operation[] {
  return Object.entries((document as Document).paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]) => {
      const named = (place: string) => parameters.filter((each) => each.in === place).map(({ name }) => name);
      const types = Object.keys(requestBody?.content ?? {});
      return { method: method.toUpperCase(), path, query: named('query'), headers: named('header'), types };
    }),
  );
}
