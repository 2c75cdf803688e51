/** A plain HTTP client for tests: what a user's script would do, with nothing of Azud's own code. */

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; a test that asks for JSON fails on anything else. */
  readonly json: Json;
}

/** Whatever JSON gives: answers are checked by assertions, not by types. */
export type Json = ReturnType<JSON['parse']>;

export interface Client {
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
}

/** Objects are sent as JSON, text and bytes as they are. */
export function clientOf(url: string): Client {
  const ask = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(url + path, init);
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      get json() {
        return JSON.parse(text);
      },
    };
  };
  return {
    get: (path, headers = {}) => ask(path, { headers }),
    post: (path, body, headers = {}) => {
      const raw = typeof body === 'string' || body instanceof Uint8Array;
      return ask(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: raw ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body),
      });
    },
  };
}

/** Lines of NDJSON. */
export function ndjson(events: readonly object[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join('');
}

export const NDJSON = { 'content-type': 'application/x-ndjson' };
