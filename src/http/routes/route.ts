import type { IncomingHttpHeaders } from 'node:http';
import type { ErrorCode } from '../../error/catalogue.ts';
import type { JsonSchema } from '../../event/dataset.ts';
import type { Answer } from '../answer.ts';
import type { Principal, RequiredScope } from '../auth.ts';
import type { Rooms } from '../rooms.ts';

/** Which process answers: the one that takes in, the one that owns the store, or whichever is asked. */
export type Home = 'intake' | 'query' | 'any';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description: string;
  readonly schema: JsonSchema;
}

export interface ResponseDoc {
  readonly description: string;
  /** Media type → schema; absent for an answer without a body. */
  readonly content?: Readonly<Record<string, JsonSchema>>;
}

export interface RequestBodyDoc {
  readonly required: boolean;
  readonly description: string;
  readonly content: Readonly<Record<string, JsonSchema>>;
}

/** What the documents say of a route; the handler does it. One object, so that they cannot drift apart. */
export interface Route {
  /** Unique; names the operation in OpenAPI, the label in metrics. */
  readonly id: string;
  readonly method: 'GET' | 'POST';
  /** With parameters in braces, as OpenAPI writes them: `/v1/datasets/{dataset}/rows`. */
  readonly path: string;
  /** The pattern that this path is one case of, for metrics; absent where it is its own. */
  readonly template?: string;
  readonly home: Home;
  readonly tag: Tag;
  readonly summary: string;
  readonly description: string;
  readonly scope: RouteScope;
  readonly parameters: readonly Parameter[];
  readonly requestBody: RequestBodyDoc | null;
  /** True when the answer is a stream of any length. */
  readonly streamed: boolean;
  /** Largest body, bytes; 0 where none is taken. */
  readonly bodyBytesMax: number;
  /** By status. Problems are listed in `errors`. */
  readonly responses: Readonly<Record<number, ResponseDoc>>;
  readonly errors: readonly ErrorCode[];
  /** Arguments of a copyable `curl`, after the address. */
  readonly example: string;
  /** @throws AzudError */
  readonly handler: Handler;
  /** Of an internal route to forward to, when the front door knows something that the other process does not; else null. */
  readonly forwardedTo?: (request: RouteRequest, rooms: Rooms) => Promise<string | null>;
}

export type Handler = (request: RouteRequest, rooms: Rooms) => Answer | Promise<Answer>;

/** A fixed scope, or one that depends on a path parameter; then `documented` is how the documents write it. */
export type RouteScope =
  | RequiredScope
  | { readonly documented: string; readonly of: (params: PathParams) => RequiredScope };

export type PathParams = Readonly<Record<string, string>>;

export const TAGS = {
  intake: 'Take in',
  receipts: 'Receipts',
  datasets: 'Datasets',
  endpoints: 'Endpoints',
  sql: 'SQL',
  'dead-letters': 'Dead letters',
  system: 'System',
  documents: 'Documents',
} as const;
export type Tag = keyof typeof TAGS;

/** A request after routing and authentication, without its socket. */
export interface RouteRequest {
  readonly params: PathParams;
  readonly query: URLSearchParams;
  /** False when there is no `?` at all, the common case of intake. */
  readonly hasQuery: boolean;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly principal: Principal;
  readonly requestId: string;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}
